import { duration } from './in-words.ts';
import type { JobsOfScene, Requests } from './figures.ts';

/** `note`: worth knowing, and neither good nor bad. */
export type Verdict = 'good' | 'bad' | 'note';
/** A row of the table without its scene. */
export type Line = readonly [what: string, figure: string, limit: string, verdict: Verdict];

export function requestsFailed({ sent, failed }: Requests): Line {
  if (sent === 0) return ['requests failed', 'no web dyno, none was sent', '', 'note'];
  return ['requests failed', `${failed} of ${sent}`, '0', none(failed)];
}

export function jobsLost({ done, lost }: JobsOfScene): Line {
  return ['jobs lost', `${lost} (${done} done)`, '0', none(lost)];
}

export function none(count: number | null): Verdict {
  if (count === null) return 'note';
  return count === 0 ? 'good' : 'bad';
}

export function timeOr(ms: number | null, otherwise = 'none answered'): string {
  return ms === null ? otherwise : duration(ms);
}

export function numberOr(count: number | null): string {
  return count === null ? 'not visible' : `${count}`;
}
