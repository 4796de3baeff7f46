import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Cancel, Child, Clock, Process } from '../host.ts';
import type { ChildSpec, EnvironmentChange, Readiness } from '../plan/spec.ts';

const MIN_CHECK_INTERVAL_MS = 50;
const MAX_CHECK_INTERVAL_MS = 1000;
/** The settling time has this many pauses between checks, so that a stalled process cannot pass it. */
const SETTLING_CHECKS = 5;
/** For a server that accepts connections before it can respond, as puma does while it preloads. */
const HTTP_TIMEOUT_MS = 30_000;

/** Length of `HTTP/1.1 200`. */
const STATUS_BYTES = 12;

type ReadinessCheck = {
  /** The environment that the child has to be started with. */
  env: EnvironmentChange;
  observe(started: Process): Child;
  /** Removes the ready file. The work behind a start script may write it again after the child has exited. */
  cleanUp: () => void;
};

/** Makes what has to exist before the child starts, so that its readiness can be observed. */
export function prepareReadiness({ ready, env }: ChildSpec, folder: string, clock: Clock): ReadinessCheck {
  if (ready.kind === 'http')
    return { env, observe: (started) => observeReadiness(started, ready, folder, clock), cleanUp: () => {} };
  const file = join(folder, 'tmp', ready.name);
  const error = makeReadyFile(file);
  if (error !== null) {
    const unknown = { ready: new Promise<void>(() => {}), readinessUnknown: error.message };
    return {
      env: { ...env, [ready.variable]: null },
      observe: (started) => ({ ...started, ...unknown }),
      cleanUp: () => {},
    };
  }
  const cleanUp = (): void => remove(file);
  return {
    env,
    cleanUp,
    observe(started) {
      void started.exited.then(cleanUp);
      return observeReadiness(started, ready, folder, clock);
    },
  };
}

function observeReadiness(started: Process, ready: Readiness, folder: string, clock: Clock): Child {
  const isReady = new Promise<void>((resolve) => {
    const cancel = whenReady(ready, folder, clock, resolve);
    void started.exited.then(cancel);
  });
  return { ...started, ready: isReady, readinessUnknown: null };
}

/** Makes the file that the child touches when it is ready. A full disk or a read-only folder is then reported by us, now, and is never
 * an exception in the child. */
function makeReadyFile(file: string): Error | null {
  try {
    mkdirSync(dirname(file), { recursive: true });
    removeStale(dirname(file));
    remove(file); // from an earlier start
    writeFileSync(file, '', { flag: 'wx' });
    utimesSync(file, 0, 0);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Removes the files of supervisors that were SIGKILLed: their names contain a pid that no process has. */
function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^mstdn-supervise-(\d+)-.*\.ready$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) remove(join(folder, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The folder is gone, or the disk is read-only.
  }
}

/** Calls back once, when the child is ready. */
function whenReady(readiness: Readiness, folder: string, clock: Clock, onReady: () => void): Cancel {
  return readiness.kind === 'file'
    ? poll(clock, 0, onReady, (onResult) => onResult(isTouched(join(folder, 'tmp', readiness.name))))
    : poll(clock, readiness.settleMs, onReady, (onResult) => checkHttp(readiness, onResult));
}

type Progress = {
  /** Checks in a row that have passed, up to now. */
  passed: number;
  /** Since the start of the child. */
  elapsedMs: number;
  settleMs: number;
};

/**
 * The time until the next check; null: the child is ready. While the child boots, a check comes after a fifth of the time that has
 * passed: often enough to see it in time, and not so often that it costs CPU time while puma boots. Once a check has passed, the
 * checks of the settling time must pass too; `passed` starts again at 0 when one fails.
 */
export function pauseBeforeCheck({ passed, elapsedMs, settleMs }: Progress): number | null {
  if (passed === 0) return Math.min(MAX_CHECK_INTERVAL_MS, Math.max(MIN_CHECK_INTERVAL_MS, elapsedMs / 5));
  return settleMs === 0 || passed > SETTLING_CHECKS ? null : settleMs / SETTLING_CHECKS;
}

/** Checks until the child is ready. `check` may return a function that cancels the check. */
function poll(
  clock: Clock,
  settleMs: number,
  onReady: () => void,
  check: (onResult: (hasPassed: boolean) => void) => Cancel | void,
): Cancel {
  const startedAtMs = clock.now();
  let passed = 0;
  let cancel: Cancel = () => {};
  const checkAgain = (): void => {
    const pauseMs = pauseBeforeCheck({ passed, elapsedMs: clock.now() - startedAtMs, settleMs });
    if (pauseMs === null) return onReady();
    cancel = clock.after(pauseMs, () => {
      const onResult = (hasPassed: boolean): void => {
        passed = hasPassed ? passed + 1 : 0;
        checkAgain();
      };
      cancel = check(onResult) ?? cancel;
    });
  };
  checkAgain();
  return () => cancel();
}

function isTouched(file: string): boolean {
  try {
    return statSync(file).mtimeMs > 0;
  } catch {
    return false; // missing, or stat fails
  }
}

/** Without a settling time any HTTP response passes: Rails may reject our host name or redirect to https. A server that has to settle
 * must not respond with 5xx either. */
function checkHttp(readiness: Readiness & { kind: 'http' }, onResult: (hasPassed: boolean) => void): Cancel {
  const { at: address, path, settleMs } = readiness;
  const socket: Socket = 'socket' in address ? connect(address.socket) : connect(address.port, address.host);
  let response = '';
  socket.setEncoding('latin1').setTimeout(HTTP_TIMEOUT_MS, () => socket.destroy());
  socket.on('connect', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n`);
  });
  socket.on('data', (text: string) => {
    response += text;
    if (response.length >= STATUS_BYTES) socket.destroy();
  });
  socket.on('error', () => {}); // refused: not listening yet; `close` follows
  socket.once('close', () => onResult(response.startsWith('HTTP/') && (settleMs === 0 || !/^\S+ 5/.test(response))));
  return () => socket.removeAllListeners('close').destroy();
}
