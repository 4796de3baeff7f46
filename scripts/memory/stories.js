// The stories that can be told, in the order of telling.
import { leak } from './stories/leak.js';
import { saved } from './stories/saved.js';
import { whole } from './stories/whole.js';

export const STORIES = { saved, leak, whole };
