import type { PlatformEvent, LogLine, View } from '../../simulation.ts';

/** The server-sent events of the page: each name with its data. */
export type Messages = {
  /** The first event of every connection: everything the page would show had it been open all the time. */
  history: { view: View; samples: readonly Sample[]; lines: readonly LogLine[]; events: readonly PlatformEvent[] };
  view: View;
  sample: Sample;
  line: readonly LogLine[];
  event: readonly PlatformEvent[];
  /** The simulation has ended. No event follows. */
  end: null;
};

/** The memory of all dynos at one time. */
export type Sample = {
  atMs: number;
  /** By dyno name. */
  dynos: Readonly<Record<string, DynoSample>>;
};

export type DynoSample = {
  quotaBytes: number;
  /** As in the view: the serving or booting run first, then the draining ones. */
  runs: readonly RunSample[];
};

export type RunSample = {
  id: number;
  bytes: number | null;
  /** By process label. Processes with the same label are added up. */
  labels: Readonly<Record<string, number>>;
};
