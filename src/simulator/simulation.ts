import type { Action, Answer } from './action.ts';
import type { Happening, LogLine, View } from './view.ts';

export type Cancel = () => void;

/** A running simulation as the terminal, the page and the rehearsal know it. */
export type Simulation = {
  view(): View;
  /** Never rejects: what went wrong is in the answer. */
  act(action: Action): Promise<Answer>;
  /** Every line of the platform's log from now on. */
  onLine(listener: (line: LogLine) => void): Cancel;
  onHappening(listener: (happening: Happening) => void): Cancel;
  /** Once every new measurement of memory, and whenever a state has changed. */
  onView(listener: () => void): Cancel;
};
