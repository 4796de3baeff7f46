import { duration } from './in-words.ts';
import type { JobsOfScene, Requests } from './figures.ts';

/** `note`: worth knowing, and neither good nor bad. */
export type Verdict = 'good' | 'bad' | 'note';
/** A row of the table without its scene. */
export type Line = readonly [what: string, figure: string, limit: string, verdict: Verdict];

export function requestsFailed(requests: Requests): Line {
  if (requests.sent === 0) return ['requests failed', 'no web dyno, none was sent', '', 'note'];
  return ['requests failed', failedOf(requests), '0', none(requests.failed)];
}

/** `3 of 120: 503 H10 x2, reset` */
export function failedOf({ sent, failed, failures }: Requests): string {
  const kinds = failures.map(({ what, count }) => (count === 1 ? what : `${what} x${count}`));
  return `${failed} of ${sent}${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`;
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
