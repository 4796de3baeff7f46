import { setTimeout as pause } from 'node:timers/promises';
import type { Dyno } from '../harness/dyno.ts';
import { alive, catches, commandLine, processTable, signalIfAlive } from '../harness/processes.ts';
import { now } from './now.ts';
import { BUDGET_MS, type Done } from './real-record.ts';
import type { StoryRedis } from './real-redis.ts';
import type { Part, RealDeed, RealHappening, RealStory } from './real-story.ts';

/** A story that nothing has ended so long after its last happening is asked to. */
const PATIENCE_MS = 1500;
/** A dyno that is still there so long after the last that was done to it hangs. */
const HANGS_AFTER_MS = 3 * BUDGET_MS;
const SIGNALS = { kill: 'SIGKILL', freeze: 'SIGSTOP', thaw: 'SIGCONT' } as const;

/** Each at its time; then a TERM. Ends with the dyno. Gives what was done. */
export async function happen(
  { happenings }: RealStory,
  dyno: Dyno,
  redis: StoryRedis,
  startedAtMs: number,
): Promise<Done[]> {
  const inOrder = [...happenings].sort((one, other) => one.atMs - other.atMs);
  const lastMs = (inOrder.at(-1)?.atMs ?? 0) + PATIENCE_MS;
  const last: RealHappening = { atMs: lastMs, what: { do: 'stop', signal: 'SIGTERM', toAll: false } };
  const done: Done[] = [];
  const restarts: Promise<void>[] = [];
  const ends: Promise<void>[] = [];
  for (const { atMs, what } of [...inOrder, last]) {
    while (!isOver(dyno) && now() < startedAtMs + atMs) await pause(5);
    if (isOver(dyno)) break;
    const one: Done = { atMs: now(), untilMs: 0, what, parts: [], goneAtMs: null };
    if (what.do === 'restart redis') {
      done.push({ ...one, untilMs: Infinity });
      const index = done.length - 1;
      const isDown = restarts.length > 0;
      if (!isDown)
        restarts.push(restart(redis, what.downMs).then(() => void (done[index] = { ...one, untilMs: now() })));
      continue;
    }
    const reached = act(what, dyno);
    if (reached === null) continue;
    const { parts, pid } = reached;
    done.push(Object.assign(one, { untilMs: now(), parts }));
    if (what.do === 'tell' && pid !== dyno.pid)
      ends.push(goneAt(pid, one.atMs, dyno).then((atMs) => void (one.goneAtMs = atMs)));
  }
  void endIfHung(dyno);
  await Promise.all([...restarts, ...ends]);
  return done.filter(({ untilMs }) => untilMs < Infinity);
}

/** Its end by a KILL that is not of the story is a violation. */
async function endIfHung(dyno: Dyno): Promise<void> {
  await pause(HANGS_AFTER_MS, undefined, { ref: false });
  if (!isOver(dyno)) dyno.signal('SIGKILL');
}

export function isOver({ child }: Dyno): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The leader that the supervisor started under this name. */
export function pidOf(dyno: Dyno, part: Part): number | null {
  const word = new RegExp(`(^|[ /])${part}\\b`);
  const rows = processTable().filter(({ parent, zombie }) => parent === dyno.pid && !zombie);
  return rows.find(({ pid }) => word.test(commandLine(pid)))?.pid ?? null;
}

/** Not before that: when it was last seen. */
async function goneAt(pid: number, sinceMs: number, dyno: Dyno): Promise<number | null> {
  let seenAtMs = sinceMs;
  while (alive(pid)) {
    if (isOver(dyno)) return null;
    seenAtMs = now();
    await pause(5);
  }
  return seenAtMs;
}

async function restart(redis: StoryRedis, downMs: number): Promise<void> {
  await redis.stop();
  await pause(downMs);
  await redis.start();
}

/** To which parts something was done, and to which process where it was to one. */
type Reached = { parts: readonly Part[]; pid: number };

/** Null where there was nobody to do it to. */
function act(what: Exclude<RealDeed, { do: 'restart redis' }>, dyno: Dyno): Reached | null {
  const supervisor = { parts: [], pid: dyno.pid };
  switch (what.do) {
    case 'stop': {
      const parts = what.toAll ? (['puma', 'sidekiq'] as const) : []; // one that is not there yet may be when it is their turn
      if (what.toAll) dyno.signalAll(what.signal);
      else dyno.signal(what.signal);
      return { ...supervisor, parts };
    }
    case 'tell':
      // Before Node has run our first line these signals are the kernel's, and stop or end a process.
      if (what.whom === 'supervisor' && !catches(dyno.pid, what.signal)) return null;
      return send(what.signal, what.whom, dyno);
    case 'kill':
    case 'freeze':
    case 'thaw':
      return send(SIGNALS[what.do], what.whom, dyno);
    case 'stall':
      dyno.child.stdout?.pause();
      return supervisor;
    case 'read':
      dyno.child.stdout?.resume();
      return supervisor;
    case 'close':
      dyno.child.stdout?.destroy();
      return supervisor;
  }
}

function send(signal: NodeJS.Signals, whom: Part | 'supervisor', dyno: Dyno): Reached | null {
  const pid = whom === 'supervisor' ? dyno.pid : pidOf(dyno, whom);
  dyno.look();
  if (pid === null || !alive(pid)) return null;
  signalIfAlive(pid, signal);
  return { parts: whom === 'supervisor' ? [] : [whom], pid };
}
