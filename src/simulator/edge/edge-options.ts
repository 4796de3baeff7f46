import type { Rules } from '../rules.ts';
import type { Happening } from '../view.ts';

/** Where a request goes now. */
export type Target =
  | {
      kind: 'dyno';
      /** `web.1` */
      dyno: string;
      port: number;
    }
  /** The request waits until the dyno is up. */
  | { kind: 'booting' }
  /** H10: it crashed; H14: there is none. */
  | { kind: 'none'; code: 'H10' | 'H14' };

export type EdgeOptions = {
  /** 0: any that is free. */
  port: number;
  rules: Rules;
  /** Asked for each request, and for a held one again after each `changed()`. */
  target(): Target;
  /** A line of `heroku[router]`. */
  say(text: string): void;
  happen?(happening: Omit<Happening, 'atMs'>): void;
};
