// The summary table of the README: one row for each peer, from the raw data of all figures.
import { medianText, MIB, NO_FIGURE } from '../report/format.ts';
import { describeMachine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import type { Place } from './figure.ts';
import type { BootFigures } from './figures/boot.ts';
import type { CorrectnessFigures } from './figures/correctness.ts';
import type { ReactionFigures } from './figures/reaction.ts';
import type { RestFigures } from './figures/rest.ts';
import type { StartFigures } from './figures/start.ts';
import type { StopFigures } from './figures/stop.ts';
import type { WholeDynoFigures } from '../memory/scenarios/whole.ts';
import type { RestartFigures, Restarts } from './restarts/summary.ts';
import { describeStopsBriefly } from './stop-outcome.ts';

/** Figures by name. */
type FigureData = {
  start: StartFigures;
  rest: RestFigures;
  reaction: ReactionFigures;
  stop: StopFigures;
  correctness: CorrectnessFigures;
  boot: BootFigures;
  relay: unknown;
  restarts: Restarts;
  whole: WholeDynoFigures;
};
/** The content of docs/evidence.json. */
export type Evidence = {
  [Name in keyof FigureData]?: { place: Place; data: Partial<Record<string, FigureData[Name]>> };
};
type PeerFigures = { [Name in keyof FigureData]?: FigureData[Name] };

const COLUMNS: Record<string, (figures: PeerFigures) => string | null | undefined> = {
  'start, 3 children': ({ start }) => start && medianText(start.of3, { unit: 'ms' }),
  'private dirty memory at rest': ({ rest }) => rest && medianText(rest.of3.dirty, { unit: 'MB', digits: 1, per: MIB }),
  'of each added child': ({ rest }) => rest && wholeKilobytes(rest.perChild.dirty),
  'a child dies: TERM to the rest': ({ reaction }) => reaction && reactionText(reaction),
  'stop, children need 0.3 s': ({ stop }) => stop && stopText(stop),
  correct: ({ correctness }) => correctness && `${correctness.good} of ${correctness.of}`,
  'TERM at boot': ({ boot }) => boot && bootText(boot),
  'jobs lost': ({ restarts }) => restarts && forBoth(restarts, ({ jobs }) => jobs.lost),
  'requests failed': ({ restarts }) => restarts && forBoth(restarts, failedRequests),
};
/** Figures that are neither in the table nor in a chart beside it. */
const NOT_SHOWN = ['relay'];

export function summaryTable(evidence: Evidence): string {
  const names = Object.keys(evidence.start?.place.versions ?? {});
  const rows = names.map((name) => {
    const figures = figuresOf(evidence, name);
    return [name, ...Object.values(COLUMNS).map((column) => column(figures) ?? NO_FIGURE)];
  });
  return [markdownTable([['', ...Object.keys(COLUMNS)], ...rows]), placesText(evidence)].join('\n\n');
}

function figuresOf(evidence: Evidence, name: string): PeerFigures {
  const found = Object.entries(evidence).map(([figure, { data }]) => [figure, data[name]] as const);
  return Object.fromEntries(found);
}

/** Machine and date; in one line if they are the same for all figures, else with the names of the figures. */
function placesText(evidence: Evidence): string {
  const figures = new Map<string, string[]>();
  for (const [figure, { place }] of Object.entries(evidence)) {
    if (NOT_SHOWN.includes(figure)) continue;
    const description = describeMachine(place);
    figures.set(description, [...(figures.get(description) ?? []), figure]);
  }
  const prefix = (names: readonly string[]) => (figures.size > 1 ? `${names.join(', ')}: ` : '');
  return [...figures].map(([place, names]) => `${prefix(names)}${place}.`).join(' ');
}

function wholeKilobytes(bytes: number | null): string | null {
  return bytes === null ? null : `${Math.round(bytes / 1024)} kB`;
}

function reactionText(reaction: ReactionFigures): string {
  if ('word' in reaction) return reaction.word;
  const { spread, missed } = reaction;
  const never = missed > 0 ? ` (${missed} of ${(spread?.count ?? 0) + missed} times never)` : '';
  return `${medianText(spread, { unit: 'ms', digits: 1 })}${never}`;
}

/** SIGTERM to all processes, as Heroku sends it, and to the main process only. */
function stopText({ all, main }: StopFigures): string {
  const [toAll = NO_FIGURE, toMain = NO_FIGURE] = [all, main].map(({ 300: found }) =>
    found === undefined ? NO_FIGURE : describeStopsBriefly(found),
  );
  return toAll === toMain ? toAll : `${toAll} / ${toMain}`;
}

function bootText({ counts }: BootFigures): string {
  const all = Object.values(counts);
  const good = all.reduce((total, count) => total + count.good, 0);
  return `${good} of ${all.reduce((total, count) => total + count.of, 0)}`;
}

function forBoth({ all, main }: Restarts, count: (figures: RestartFigures) => number): string {
  return `${count(all)} / ${count(main)}`;
}

function failedRequests({ requests: { failedFresh, failedKept } }: RestartFigures): number {
  return failedFresh + failedKept;
}
