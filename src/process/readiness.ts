import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Cancel, ObservedProcess, Clock, Process } from '../host.ts';
import type { ChildSpec, EnvironmentChange, Readiness } from '../plan/spec.ts';
import { isTouched, makeReadyFile, removeIfPossible } from './child-files.ts';

const MIN_CHECK_INTERVAL_MS = 50;
const MAX_CHECK_INTERVAL_MS = 1000;
/** The settling time has this many pauses between checks, so that a stalled process cannot pass it. */
const SETTLING_CHECKS = 5;
/** For a server that accepts connections before it can respond, as puma does while it preloads. */
const HTTP_TIMEOUT_MS = 30_000;

/** Length of `HTTP/1.1 200`. */
const STATUS_BYTES = 12;

type ReadinessCheck = {
  env: EnvironmentChange;
  observe(started: Process): ObservedProcess;
  /** Removes the ready file. The work behind a start script may write it again after the child has exited. */
  cleanUp: () => void;
};

/** Makes what has to exist before the child starts, so that its readiness can be observed. */
export function prepareReadiness({ ready, env }: ChildSpec, folder: string, clock: Clock): ReadinessCheck {
  if (ready.kind === 'http') {
    const whenReady = (onReady: () => void): Cancel =>
      poll(clock, ready.settleMs, onReady, (onResult) => checkHttp(ready, onResult));
    return { env, observe: (started) => observeReadiness(started, whenReady), cleanUp: () => {} };
  }
  const file = join(folder, 'tmp', ready.name);
  const cleanUp = (): void => removeIfPossible(file);
  const error = makeReadyFile(file);
  if (error !== null) {
    const unknown = { ready: new Promise<void>(() => {}), readinessUnknown: error.message };
    return { env: { ...env, [ready.variable]: null }, observe: (started) => ({ ...started, ...unknown }), cleanUp };
  }
  const whenReady = (onReady: () => void): Cancel => poll(clock, 0, onReady, (onResult) => onResult(isTouched(file)));
  const observe = (started: Process): ObservedProcess => {
    void started.exited.then(cleanUp);
    return observeReadiness(started, whenReady);
  };
  return { env, observe, cleanUp };
}

function observeReadiness(started: Process, whenReady: (onReady: () => void) => Cancel): ObservedProcess {
  const ready = new Promise<void>((resolve) => {
    const cancel = whenReady(resolve);
    void started.exited.then(cancel);
  });
  return { ...started, ready, readinessUnknown: null };
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
