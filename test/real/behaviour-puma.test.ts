// Runs the tests of the stand-in against the real puma, so that the stand-in can be trusted.
import { describeCluster } from '../simulator/cluster-behaviour.ts';
import { describePuma } from '../simulator/puma-behaviour.ts';
import { realPuma } from './parts-ruby.ts';

describePuma('the real puma', realPuma());
describeCluster('the real puma', realPuma());
