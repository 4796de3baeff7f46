// What a supervisor of a dyno must do right: one check for each column of the table.
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seconds } from '../../report/format.ts';
import type { Peer } from '../peers.ts';
import { CHILD, PeerRun } from '../run.ts';
import type { RunOptions } from '../run.ts';
import { observe } from './observe.ts';
import { bad, combine, drained, ended, GOOD } from './verdicts.ts';
import type { Verdict } from './verdicts.ts';

export type Check = (peer: Peer) => Promise<Verdict>;

/** A child behind a shell that does not forward SIGTERM. */
const WRAPPED = `sh ${fileURLToPath(new URL('wrapper.sh', import.meta.url))} ${CHILD}`;
const CHILDREN = 3;
const UP_WITHIN_MS = 20_000;
const EXIT_WITHIN_MS = 12_000;
/** A platform's time from SIGTERM to SIGKILL. The peers are not told in these runs. */
const STOP_WITHIN_MS = 30_000;
/** A child that exits during a slow start is another case. */
const BEFORE_EXIT_MS = 500;
const BETWEEN_TERMS_MS = 250;
const STALL_MS = 2000;
const AFTER_KILL_MS = 3000;

const terminate = (run: PeerRun) => run.terminateMain();

/** One of three children exits unexpectedly. A platform learns of this by the exit code only. */
export async function exitCodes(peer: Peer): Promise<Verdict> {
  if (!peer.stopsWithChild) return { good: null, what: 'restarts it' };
  const [zero, three, kill, missing] = await Promise.all([
    exitCodeOf(peer, { first: 'exit=0', other: '' }),
    exitCodeOf(peer, { first: 'exit=3', other: '' }),
    exitCodeOf(peer, { first: 'kill=KILL', other: '' }),
    exitCodeOf(peer, { first: '/nowhere/puma', other: 'sleep 1000', areCommands: true }),
  ]);
  return combine({
    0: exitVerdict(zero, (code) => code > 0),
    3: exitVerdict(three, (code) => code === 3),
    KILL: exitVerdict(kill, (code) => code === 137),
    'not found': exitVerdict(missing, (code) => code > 0),
  });
}

/** As a platform counts: 128 plus the number of the signal that killed the main process. null if it did not exit. */
async function exitCodeOf(peer: Peer, options: RunOptions): Promise<number | null> {
  const run = new PeerRun(peer, options);
  try {
    if (options.areCommands !== true) await letChildExit(run);
    const end = await run.endWithin(EXIT_WITHIN_MS);
    if (end === null) return null;
    return end.code ?? 128 + (end.signal === null ? 0 : constants.signals[end.signal]);
  } finally {
    run.discard();
  }
}

function exitVerdict(code: number | null, isRight: (code: number) => boolean): Verdict {
  if (code === null) return bad('does not end');
  return isRight(code) ? GOOD : bad(`${code}`);
}

/** Lets the child with the option `exit` or `kill` exit, a moment after all children are up. */
async function letChildExit(run: PeerRun): Promise<void> {
  await run.untilEvents('up', CHILDREN, UP_WITHIN_MS);
  await pause(BEFORE_EXIT_MS);
  writeFileSync(`${run.eventFile}.end`, '');
}

/** After SIGTERM to the main process and its end, no process of the dyno is left. */
export async function orphans(peer: Peer): Promise<Verdict> {
  const act = terminate;
  const other = 'drain=300';
  const [plain, daemon, session, wrapped, crash] = await Promise.all([
    observe(peer, { first: other, act }),
    observe(peer, { first: 'drain=300 daemon=1', other, ready: 'daemon', readyCount: 1, act }),
    observe(peer, { first: 'drain=300 helper=1', other, ready: 'helper', readyCount: 1, act }),
    observe(peer, { first: 'drain=1000', program: WRAPPED, act }),
    peer.stopsWithChild ? observe(peer, { first: 'exit=3', other, act: letChildExit }) : null,
  ]);
  return combine({
    plain: ended(plain),
    daemon: ended(daemon),
    'own session': ended(session),
    'start script': drained(wrapped),
    ...(crash === null ? {} : { crash: ended(crash) }),
  });
}

/** A child that needs 8 s is not killed early, and one that never exits does not keep the dyno beyond the platform's time. */
export async function drain(peer: Peer): Promise<Verdict> {
  const options = { timeoutMs: STOP_WITHIN_MS, act: terminate };
  const [slow, endless] = await Promise.all([
    observe(peer, { first: 'drain=8000', ...options }),
    observe(peer, { first: 'drain=ever', other: 'drain=300', ...options }),
  ]);
  return combine({ '8 s': drained(slow), 'for ever': ended(endless) });
}

/** Several SIGTERMs while children drain. */
export async function secondTerm(peer: Peer): Promise<Verdict> {
  const terminateTimes = (times: number) => async (run: PeerRun) => {
    for (let time = 0; time < times; time += 1) {
      run.terminateMain();
      await pause(BETWEEN_TERMS_MS);
    }
  };
  const [two, five] = await Promise.all([
    observe(peer, { first: 'drain=3000', act: terminateTimes(2) }),
    observe(peer, { first: 'drain=3000', act: terminateTimes(5) }),
  ]);
  return combine({ two: drained(two), five: drained(five) });
}

/** SIGTERM to every process at once, as Heroku sends it; the end of the main process ends the dyno. */
export async function broadcast(peer: Peer): Promise<Verdict> {
  const act = (run: PeerRun) => run.processes.signal('SIGTERM');
  const [plain, wrapped] = await Promise.all([
    observe(peer, { first: 'drain=3000', act }),
    observe(peer, { first: 'drain=3000', program: WRAPPED, act }),
  ]);
  return combine({ plain: drained(plain), 'start script': drained(wrapped) });
}

/** All children get SIGTERM before the first of them is done. */
export async function sideBySide(peer: Peer): Promise<Verdict> {
  const observation = await observe(peer, { first: 'drain=2000', timeoutMs: STOP_WITHIN_MS, act: terminate });
  const verdict = drained(observation);
  if (verdict.good !== true) return verdict;
  const lastTermMs = Math.max(...observation.children.map(({ termMs }) => termMs ?? 0));
  const firstEndMs = Math.min(...observation.children.map(({ endedMs }) => endedMs ?? 0));
  return lastTermMs < firstEndMs ? GOOD : bad(`one after the other, ${seconds(observation.tookMs)}`);
}

/** The reader of the output stalls while the children write as much as they can; SIGTERM comes after a while. */
export async function stalledReader(peer: Peer): Promise<Verdict> {
  const before = async (run: PeerRun) => {
    process.kill(run.readerPid, 'SIGSTOP');
    await pause(STALL_MS);
  };
  const options = { timeoutMs: STOP_WITHIN_MS, before, act: terminate };
  return drained(await observe(peer, { first: 'drain=1000 chatter=1', ...options }));
}

/** SIGKILL to the main process: no child is left, and each could finish. */
export async function supervisorKilled(peer: Peer): Promise<Verdict> {
  let left = NaN;
  const act = async (run: PeerRun) => {
    run.child.kill('SIGKILL');
    await pause(AFTER_KILL_MS);
    left = run.processes.find().length;
  };
  const { isUp, children } = await observe(peer, { first: 'drain=300', act });
  if (!isUp) return bad('does not start');
  if (left > 0) return bad(`leaves ${left}`);
  return children.every(({ endedMs }) => endedMs !== null) ? GOOD : bad('kills them');
}
