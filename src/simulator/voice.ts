import type { Happening, LogLine } from './view.ts';

/** How the platform tells what it does. */
export type Voice = {
  say: (source: LogLine['source'], from: string, text: string) => void;
  happen: (happening: Omit<Happening, 'atMs'>) => void;
};
