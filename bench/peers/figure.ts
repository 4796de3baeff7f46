// The figures of this benchmark: their names, and what each returns.
import type { Machine, Versions } from '../report/machine.ts';
import type { Row } from '../report/markdown.ts';
import type { Peer } from './peers.ts';

export type FigureContext = { peers: readonly Peer[]; isQuick: boolean; say: (text: string) => void };
/** `notes`, `rows` and `images` (SVG by file name) go into docs/evidence.md, `data` (by name of peer) into docs/evidence.json. */
export type FigureResult<Data = unknown> = {
  title: string;
  rows: readonly Row[];
  notes: readonly string[];
  data: Record<string, Data>;
  images?: Record<string, string>;
  /** Debian's packages whose versions belong to this figure, by name. */
  packages?: Record<string, string>;
};
export type Figure = (context: FigureContext) => Promise<FigureResult>;

/** Where and how a figure was measured. */
export type Place = Machine & { isQuick: boolean; versions: Versions };
export type PlacedResult = Omit<FigureResult, 'packages'> & { place: Place };

/** In the order in which they are measured. */
export const FIGURE_NAMES = [
  'start',
  'rest',
  'reaction',
  'stop',
  'correctness',
  'boot',
  'relay',
  'restarts',
  'whole',
] as const;
export type FigureName = (typeof FIGURE_NAMES)[number];

/** They run real puma, sidekiq, Redis and Rails. */
export const FIGURES_OF_REAL_PROGRAMS: readonly FigureName[] = ['restarts', 'whole'];

export function isFigureName(name: string): name is FigureName {
  return FIGURE_NAMES.some((known) => known === name);
}

/** Imports only the figure that is asked for: another one may need programs that are not installed. */
export async function loadFigure(name: FigureName): Promise<Figure> {
  const module = (await import(`./figures/${name}.ts`)) as Record<string, Figure>;
  const figure = module[name];
  if (figure === undefined) throw new Error(`figures/${name}.ts does not export ${name}`);
  return figure;
}
