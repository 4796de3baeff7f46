// The stories that can be told, in the order of telling.
import { cluster } from './stories/cluster.js';
import { cpu } from './stories/cpu.js';
import { images } from './stories/images.js';
import { leak } from './stories/leak.js';
import { rubyGc } from './stories/ruby-gc.js';
import { saved } from './stories/saved.js';
import { whole } from './stories/whole.js';

export const STORIES = { saved, leak, cluster, whole, 'ruby-gc': rubyGc, cpu, images };
