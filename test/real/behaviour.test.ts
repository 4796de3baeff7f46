// The same tables as the stand-ins': where both agree, what is said of the one is true of the other. Mastodon's streaming
// server is in no package: its table holds the stand-in alone to what was measured with the real one.
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
