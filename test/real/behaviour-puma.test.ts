// The same tables as the stand-ins': where both agree, what is said of the one is true of the other.
import { describeCluster } from '../simulator/cluster-behaviour.ts';
import { describePuma } from '../simulator/puma-behaviour.ts';
import { realPuma } from './parts-ruby.ts';

describePuma('the real puma', realPuma());
describeCluster('the real puma', realPuma());
