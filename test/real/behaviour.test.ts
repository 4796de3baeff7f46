// Runs the tests of the stand-ins against the real programs, so that the stand-ins can be trusted. No package contains Mastodon's
// streaming server: the tests of its stand-in hold what was measured with the real one.
import { beforeEach } from 'vitest';
import { describeRails } from '../simulator/rails-behaviour.ts';
import { describeSidekiq } from '../simulator/sidekiq-behaviour.ts';
import { failing, realRails, realSidekiq } from './parts-ruby.ts';
import { postgresOfThisFile, startRedis, type Redis } from './services.ts';

let redis: Redis;
beforeEach(async () => void (redis = await startRedis()));

describeSidekiq(
  'the real sidekiq',
  realSidekiq(() => redis),
);
describeRails('the real rails', realRails(postgresOfThisFile()), failing);
