import { setTimeout as pause } from 'node:timers/promises';
import { bad, drained, GOOD } from './verdicts.js';
import { witness } from './witness.js';

const STALL_MS = 2000;
const SETTLE_MS = 3000;

/** Nobody reads the output any more while the children write all they can; TERM comes after a while of it. */
export async function stalledReader(peer) {
  const before = async (run) => {
    process.kill(run.reader, 'SIGSTOP');
    await pause(STALL_MS);
  };
  const ask = (run) => run.child.kill('SIGTERM');
  return drained(await witness(peer, { first: 'drain=1000 chatter=1', atMostMs: 30_000, before, ask }));
}

/** The main process gets a SIGKILL: nobody is left to stop the children, which can still end by themselves. */
export async function supervisorKilled(peer) {
  let left = NaN;
  const ask = async (run) => {
    run.child.kill('SIGKILL');
    await pause(SETTLE_MS);
    left = run.look().length;
  };
  const seen = await witness(peer, { first: 'drain=300', ask });
  if (!seen.isUp) return bad('does not start');
  if (left > 0) return bad(`leaves ${left}`);
  return seen.children.every(({ endedMs }) => endedMs !== null) ? GOOD : bad('kills them');
}
