import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const COUNT = 3;
const UP_WITHIN_MS = 20_000;
const SETTLE_MS = 500;

/** Lets the child that has `exit` or `kill` end, a moment after all are up: a death during a slow start is another case. */
export async function letEnd(run) {
  await run.untilNoted('up', COUNT, UP_WITHIN_MS);
  await pause(SETTLE_MS);
  writeFileSync(`${run.ledger}.end`, '');
}
