import { setTimeout as pause } from 'node:timers/promises';
import { WRAPPED } from './orphans.js';
import { bad, drained, GOOD, over, together } from './verdicts.js';
import { witness } from './witness.js';

/** What the platform gives from TERM to KILL, which nobody hears of in these runs. */
const BUDGET_MS = 30_000;
const BETWEEN_MS = 250;
const term = (run) => run.child.kill('SIGTERM');

/** A child that needs 8 s is not killed early, and one that never ends does not keep the dyno beyond the budget. */
export async function drain(peer) {
  const [needs8, endless] = await Promise.all([
    witness(peer, { first: 'drain=8000', atMostMs: BUDGET_MS, ask: term }),
    witness(peer, { first: 'drain=ever', other: 'drain=300', atMostMs: BUDGET_MS, ask: term }),
  ]);
  return together({ '8 s': drained(needs8), 'for ever': over(endless) });
}

/** Two and five TERMs while children drain. */
export async function secondTerm(peer) {
  const several = (times) => async (run) => {
    for (let time = 0; time < times; time += 1) {
      run.child.kill('SIGTERM');
      await pause(BETWEEN_MS);
    }
  };
  const [two, five] = await Promise.all([
    witness(peer, { first: 'drain=3000', ask: several(2) }),
    witness(peer, { first: 'drain=3000', ask: several(5) }),
  ]);
  return together({ two: drained(two), five: drained(five) });
}

/** TERM to every process at once, as Heroku does it; the end of the main process ends the dyno. */
export async function broadcast(peer) {
  const ask = (run) => run.broadcast('SIGTERM');
  const [plain, wrapped] = await Promise.all([
    witness(peer, { first: 'drain=3000', ask }),
    witness(peer, { first: 'drain=3000', program: WRAPPED, ask }),
  ]);
  return together({ plain: drained(plain), 'start script': drained(wrapped) });
}

/** Three children that need 2 s each. */
export async function sideBySide(peer) {
  const seen = await witness(peer, { first: 'drain=2000', ask: term });
  const verdict = drained(seen);
  if (!verdict.good) return verdict;
  const lastTermMs = Math.max(...seen.children.map(({ termMs }) => termMs));
  const firstEndMs = Math.min(...seen.children.map(({ endedMs }) => endedMs));
  return lastTermMs < firstEndMs ? GOOD : bad(`one after the other, ${(seen.tookMs / 1000).toFixed(1)} s`);
}
