import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Cancel, Child, Clock, Process } from '../host.ts';
import type { ChildSpec, EnvironmentChange, Readiness } from '../plan/spec.ts';

const MIN_CHECK_INTERVAL_MS = 50;
const MAX_CHECK_INTERVAL_MS = 1000;
/** The settling time is split into this many pauses between checks, so that a stalled process cannot settle meanwhile. */
const SETTLING_CHECKS = 5;
/** A server that accepts before it can answer, as puma does while it preloads, is given this long. */
const HTTP_TIMEOUT_MS = 30_000;

/** Bytes up to the end of the status: `HTTP/1.1 200`. */
const STATUS_END = 12;

/** clear: takes away what is there for the watch; work behind a start script may bring it back after the child's end. */
type ReadinessCheck = { env: EnvironmentChange; observe(started: Process): Child; cleanUp: () => void };

/** What has to be there before the child starts, so that its readiness can be seen; `env` is the child's then. */
export function prepareReadiness({ ready, env }: ChildSpec, folder: string, clock: Clock): ReadinessCheck {
  if (ready.kind === 'http')
    return { env, observe: (started) => observeReadiness(started, ready, folder, clock), cleanUp: () => {} };
  const file = join(folder, 'tmp', ready.name);
  const error = makeReadyFile(file);
  if (error !== null) {
    const unwatched = { ready: new Promise<void>(() => {}), readinessUnknown: error.message };
    return {
      env: { ...env, [ready.variable]: null },
      observe: (started) => ({ ...started, ...unwatched }),
      cleanUp: () => {},
    };
  }
  const clear = (): void => remove(file);
  return {
    env,
    cleanUp: clear,
    observe(started) {
      void started.exited.then(clear);
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

/** The file that the child touches when it is ready, made beforehand: a full disk or a read-only folder is then our
 * problem, seen now, and never an exception in the child. */
function makeReadyFile(file: string): Error | null {
  try {
    mkdirSync(dirname(file), { recursive: true });
    removeStale(dirname(file));
    remove(file); // of an earlier start
    writeFileSync(file, '', { flag: 'wx' });
    utimesSync(file, 0, 0);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Files of a supervisor that was SIGKILLed: its pid stands in the name, and nobody has it. */
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
    // the folder went, or the disk is read-only: nothing of ours is left to take away
  }
}

/** Calls back once, when it is ready. */
function whenReady(how: Readiness, folder: string, clock: Clock, ready: () => void): Cancel {
  return how.kind === 'file'
    ? poll(clock, 0, ready, (answer) => answer(isTouched(join(folder, 'tmp', how.name))))
    : poll(clock, how.settleMs, ready, (answer) => checkHttp(how, answer));
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
  ready: () => void,
  check: (result: (hasPassed: boolean) => void) => Cancel | void,
): Cancel {
  const startedAtMs = clock.now();
  let passed = 0;
  let cancel: Cancel = () => {};
  const checkAgain = (): void => {
    const pauseMs = pauseBeforeCheck({ passed, elapsedMs: clock.now() - startedAtMs, settleMs });
    if (pauseMs === null) return ready();
    cancel = clock.after(pauseMs, () => {
      const result = (hasPassed: boolean): void => {
        passed = hasPassed ? passed + 1 : 0;
        checkAgain();
      };
      cancel = check(result) ?? cancel;
    });
  };
  checkAgain();
  return () => cancel();
}

function isTouched(file: string): boolean {
  try {
    return statSync(file).mtimeMs > 0;
  } catch {
    return false; // not there, or not to be looked at
  }
}

/** Without a settling time any HTTP answer passes: Rails may well refuse our host name or ask for https. A server that has to
 * settle must also not report an error of its own. */
function checkHttp(how: Readiness & { kind: 'http' }, answer: (yes: boolean) => void): Cancel {
  const socket: Socket = 'socket' in how.at ? connect(how.at.socket) : connect(how.at.port, how.at.host);
  let reply = '';
  socket.setEncoding('latin1').setTimeout(HTTP_TIMEOUT_MS, () => socket.destroy());
  socket.on('connect', () => {
    socket.write(
      `GET ${how.path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n`,
    );
  });
  socket.on('data', (text: string) => {
    reply += text;
    if (reply.length >= STATUS_END) socket.destroy();
  });
  socket.on('error', () => {}); // refused: not there yet; `close` follows
  socket.once('close', () => answer(reply.startsWith('HTTP/') && (how.settleMs === 0 || !/^\S+ 5/.test(reply))));
  return () => socket.removeAllListeners('close').destroy();
}
