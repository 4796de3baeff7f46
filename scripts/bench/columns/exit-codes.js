import { constants } from 'node:os';
import { CHILD, Run } from '../run.js';
import { letEnd } from './let-end.js';
import { bad, GOOD, together } from './verdicts.js';

const AT_MOST_MS = 12_000;

/** One of three children ends unasked. A platform hears of it by the exit code, and only by it. */
export async function exitCodes(peer) {
  if (!peer.ends) return { good: null, what: 'restarts it' };
  const [three, zero, kill, missing] = await Promise.all([
    codeOf(peer, { first: 'exit=3', other: '' }),
    codeOf(peer, { first: 'exit=0', other: '' }),
    codeOf(peer, { first: 'kill=KILL', other: '' }),
    codeOf(peer, { first: '/nowhere/puma', other: 'sleep 1000', commands: true }),
  ]);
  return together({
    3: told(three, (code) => code === 3),
    0: told(zero, (code) => code > 0),
    KILL: told(kill, (code) => code === 137),
    'not found': told(missing, (code) => code > 0),
  });
}

/** The exit code of the main process, as a platform counts it: 128 + the signal's number where one ended it. null when it does not
 * end. */
async function codeOf(peer, options) {
  const run = new Run(peer, { program: CHILD, ...options });
  try {
    if (!options.commands) await letEnd(run);
    const end = await run.endWithin(AT_MOST_MS);
    return end && (end.code ?? 128 + constants.signals[end.signal]);
  } finally {
    run.discard();
  }
}

function told(code, isTrue) {
  if (code === null) return bad('does not end');
  return isTrue(code) ? GOOD : bad(`${code}`);
}
