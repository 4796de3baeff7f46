// The stories that can be told, in the order of telling.
import { saved } from './stories/saved.js';

export const STORIES = { saved };
