import { EXIT } from './exit-status.ts';
import type { Log, Result } from './log/events.ts';
import type { EventLog } from './log/logger.ts';
import type { MemoryGuard } from './memory/guard.ts';
import type { RouterPlan, ServePlan } from './plan/spec.ts';
import { makeSocketFolder, removeIfPossible } from './process/child-files.ts';
import type { NodeHost } from './process/node-host.ts';
import { clock } from './process/runtime.ts';
import type { Router } from './router/router.ts';
import { Supervisor } from './supervisor/supervisor.ts';

/** print: writes a line as it is. */
export type Context = { host: NodeHost; log: EventLog; print: (line: string) => void; runId: string };

/** Joins supervisor, router and memory guard. The port is bound before any child starts: it is free at once or not at all. */
export async function serve(plan: ServePlan, context: Context): Promise<Result> {
  const { host, log } = context;
  const supervisor = new Supervisor(plan, host, log.log);
  const router = plan.router === null ? null : await openRouter(plan.router, supervisor, log.log);
  if (typeof router === 'string') {
    return { code: EXIT.config, reason: `${router}; nothing was started`, cause: 'done', exitAtMs: Infinity };
  }
  const running = supervisor.run();
  const ended = new AbortController();
  const guard = startGuard(plan, supervisor, context, ended.signal).catch((error: unknown) => {
    log.log({ event: 'warning', text: `memory is not watched: ${(error as Error).message}` });
    return null;
  });
  let result: Result | null = null;
  try {
    result = await running;
    return result;
  } finally {
    ended.abort();
    void guard.then((started) => started?.close());
    if (router !== null && plan.router !== null) {
      const closedAtOnce = host.secondInterrupt.then(() => router.close());
      const timeoutMs = result === null ? 0 : Math.max(0, result.exitAtMs - clock.now());
      await Promise.race([router.close(timeoutMs), closedAtOnce]);
      removeIfPossible(plan.router.folder, true);
    }
  }
}

/** @returns the router, or a sentence that says why its port cannot be opened. */
async function openRouter(plan: RouterPlan, supervisor: Supervisor, log: Log): Promise<Router | string> {
  try {
    makeSocketFolder(plan.folder);
  } catch (error) {
    return `${plan.folder} for the sockets of puma and streaming cannot be made: ${(error as Error).message}`;
  }
  try {
    const { Router } = await import('./router/router.ts');
    const router = new Router({ plan, clock, log, sendCommand: (command) => supervisor.request(command) });
    const address = await router.listen();
    log({ event: 'listening', address });
    supervisor.subscribe((event) => router.onEvent(event));
    return router;
  } catch (error) {
    removeIfPossible(plan.folder, true);
    return describeListenError(error as NodeJS.ErrnoException, plan);
  }
}

/** Loads the guard once the children have started and the log is there. It samples until it is closed.
 * @returns null where there is nothing to watch, or where the dyno has ended meanwhile. */
async function startGuard(
  plan: ServePlan,
  supervisor: Supervisor,
  { host, log, print, runId }: Context,
  ended: AbortSignal,
): Promise<MemoryGuard | null> {
  const { guard: mode, quota, logEveryMs } = plan.memory;
  if ((mode === 'off' || quota === null) && logEveryMs === null) return null;
  await log.written();
  const [{ MemoryGuard }, { memoryReader }] = await Promise.all([
    import('./memory/guard.ts'),
    import('./linux/memory-reader.ts'),
  ]);
  if (ended.aborted) return null;
  const reader = memoryReader(() => host.trackedProcesses(), quota?.cgroup ?? null, clock);
  if (reader === null) {
    log.log({ event: 'warning', text: 'no /proc to read here: memory is not watched' });
    return null;
  }
  const guard = new MemoryGuard({
    plan,
    reader,
    clock,
    log: log.log,
    sendCommand: (command) => supervisor.request(command),
    preferForOomKill: (id) => host.preferForOomKill(id),
    print,
    dyno: runId,
  });
  supervisor.subscribe((event) => guard.onEvent(event));
  guard.start();
  return guard;
}

function describeListenError({ code = '', message }: NodeJS.ErrnoException, { port, bind }: RouterPlan): string {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT=${port}: expected a free port, and another process listens there already`;
    case 'EACCES':
      return `PORT=${port}: expected a port that this user may listen on, such as one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `BIND=${String(bind)}: expected an address of this machine`;
    default:
      return `PORT=${port}: ${message}`;
  }
}
