import type { Happening, LogLine, View } from '../view.ts';

/** What the page is told, event by event; each name is that of a server-sent event, each value its data. */
export type Messages = {
  /** Comes first on every connection: what the page would show had it been open all the time. */
  history: { view: View; samples: readonly Sample[]; lines: readonly LogLine[]; happenings: readonly Happening[] };
  view: View;
  sample: Sample;
  line: readonly LogLine[];
  happening: readonly Happening[];
  /** The simulation has ended: nothing will come any more. */
  end: null;
};

/** The memory of all dynos at one time. */
export type Sample = {
  atMs: number;
  /** By the name of the dyno. */
  dynos: Readonly<Record<string, DynoSample>>;
};

export type DynoSample = {
  quotaBytes: number;
  /** As in the view: the one that serves or boots first, then those that drain. */
  runs: readonly RunSample[];
};

export type RunSample = {
  id: number;
  bytes: number | null;
  /** By the label of the processes; several with one label add up. */
  labels: Readonly<Record<string, number>>;
};
