import type { End } from '../harness/dyno.ts';
import type { RealFault } from './real-scenario.ts';
import type { ChildName, Fault, RequestKind, Scenario, StopSignal } from './scenario.ts';

/** SUPERVISE_STOP_TIMEOUT of every scenario. */
export const STOP_TIMEOUT_MS = 3000;
/** Children that still run this long after the stop are killed. */
export const KILL_AFTER_MS = STOP_TIMEOUT_MS - 1500;

/** The same with the real puma, sidekiq and Redis. */
export const REAL_STOP_TIMEOUT_MS = 8000;
export const REAL_KILL_AFTER_MS = REAL_STOP_TIMEOUT_MS - 1500;
/** Sidekiq's `-t` with that stop timeout: then it puts unfinished jobs back into the queue. */
export const SIDEKIQ_TIMEOUT_MS = 3000;
export const SIDEKIQ_THREADS = 3;

/** What was seen of a run from outside. Times are those of the monotonic clock, in milliseconds. */
export type History = {
  startedAtMs: number;
  endedAtMs: number;
  end: End;
  injected: readonly Injected<Fault>[];
  /** What the child processes recorded of themselves. */
  events: readonly ChildEvent[];
  /** What was read of stdout; stderr goes there too, unless stdout is a socket. */
  output: string;
  stderr: string;
  /** Warnings of the supervisor's Node. */
  nodeWarnings: readonly string[];
  reader: 'reading' | 'stalled' | 'closed';
  requests: readonly RequestRecord[];
  /** Processes of this dyno that were alive when it had just ended. */
  processesLeft: readonly { pid: number; command: string }[];
  filesLeft: readonly string[];
  /** The longest delay of a timer during the run: how late this machine is at most. */
  lagMs: number;
};

/** pids: the processes that the fault reached. */
export type Injected<F> = { atMs: number; untilMs: number; fault: F; pids: readonly number[] };
/** What histories of both kinds have. */
export type Observed = { injected: readonly Injected<Fault | RealFault>[]; lagMs: number };

/** process: `puma`, `sidekiq.daemon`; event: `ready`, `drained 0`. */
export type ChildEvent = { process: string; pid: number; atMs: number; event: string };

/** timeout: neither a response nor a broken connection until long after the end of the dyno. */
export type RequestRecord = {
  request: RequestKind;
  id: string;
  sentAtMs: number;
  endedAtMs: number;
  result: { status: number; isComplete: boolean; isCorrect: boolean } | 'connection-failed' | 'timeout';
};

/** The same of a run with the real puma, sidekiq and Redis. */
export type RealHistory = Omit<History, 'injected' | 'events' | 'requests' | 'output' | 'stderr' | 'processesLeft'> & {
  injected: readonly InjectedRealFault[];
  events: readonly WorkEvent[];
  log: readonly LogEvent[];
  /** Those that Redis has accepted. */
  jobs: readonly { id: string; atMs: number }[];
  /** Ids of jobs that are in a queue or set of Redis after the end, once for each time. */
  waitingJobs: readonly string[];
  requests: readonly RealRequestRecord[];
  /** Of a dyno whose supervisor was killed: after its children had time to drain. */
  processesLeft: readonly { command: string; startedAtMs: number }[];
};

/** exitedAtMs: of a child that was signaled alone, when it was last seen; null where it outlived the dyno. */
export type InjectedRealFault = Injected<RealFault> & { exitedAtMs: number | null };

/** What a job, a request in the app, or an exiting sidekiq recorded of itself. */
export type WorkEvent = {
  kind: 'job' | 'request' | 'exit';
  id: string;
  event: 'started' | 'interrupted' | 'finished' | 'responded' | `code${number}`;
  pid: number;
  atMs: number;
};

export type RealRequestRecord = Omit<RequestRecord, 'request'> & { durationMs: number };

/** A pipe may hold no more than this; unread output beyond that may be dropped. */
const UNREAD_BYTES = 30_000;

export function killsOf({ injected }: Observed, target: 'supervisor' | 'relay'): Injected<Fault | RealFault>[] {
  return injected.filter(({ fault }) => fault.type === 'kill' && fault.target === target);
}

/** The last lines may have been dropped: the reader had stalled and the log was full. */
export function mayMissLastLines({ stdout }: Scenario, { reader, output }: History): boolean {
  return stdout !== 'file' && reader === 'stalled' && output.length > UNREAD_BYTES;
}

/** One event a line: `PROCESS PID MONOTONIC-MS EVENT`. */
export function parseEvents(text: string): ChildEvent[] {
  return text.split('\n').flatMap((line): ChildEvent[] => {
    const [, process = '', pid = '', atMs = '', event = ''] = /^(\S+) (\d+) ([\d.]+) (.+)$/.exec(line) ?? [];
    return process === '' ? [] : [{ process, pid: Number(pid), atMs: Number(atMs), event }];
  });
}

/** One event a line: `KIND ID EVENT PID MONOTONIC-MS`. */
export function parseWorkEvents(text: string): WorkEvent[] {
  return text.split('\n').flatMap((line): WorkEvent[] => {
    const [, kind, id, event, pid, atMs] = /^(\w+) (\w+) (\w+) (\d+) ([\d.]+)$/.exec(line) ?? [];
    return id === undefined ? [] : [{ kind, id, event, pid: Number(pid), atMs: Number(atMs) } as WorkEvent];
  });
}

export function isExit({ event }: ChildEvent): boolean {
  return /^(crash|drained) /.test(event);
}

export function isStart({ event }: ChildEvent): boolean {
  return event === 'start' || event.startsWith('waits-for ');
}

/** The processes that do the work of a wrapper. */
export function wrappedIn(events: readonly ChildEvent[]): Set<number> {
  const pids = events.map(({ pid, event }) => (event === 'wrapped' ? pid : numberIn(/^waits-for (\d+)$/, event)));
  return new Set(pids.filter((pid) => pid !== null));
}

/** The pid of a helper that has started. */
export function helperIn({ event }: ChildEvent): number | null {
  return numberIn(/^helper (\d+)$/, event);
}

function numberIn(pattern: RegExp, text: string): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}

// What follows is all that the harness knows of the supervisor's log: names of events and fields, and wording.

type LogField = 'event' | 'msg' | 'process' | 'cause' | 'signal' | 'child';
/** A line of the supervisor's log, as far as the checkers need it. */
export type LogEvent = { [field in LogField]?: string } & { code?: unknown };
const MEMORY_ACTIONS = ['terminating', 'graceful-restart', 'emergency-restart', 'stopped-for-memory'];

/** Without a prefix, a log line may follow half a line of a child that shares its stdout. */
export function parseLog(output: string): LogEvent[] {
  return [...output.matchAll(/\{"level".*\}$/gm)].map(([line]) => JSON.parse(line) as LogEvent);
}

export function isOutcome(event: LogEvent | undefined): event is LogEvent {
  return event?.event === 'outcome';
}

/** What the memory guard did against growth, and the pid of the process that it ended. */
export function memoryActionsIn(output: string): { child: string | undefined; pid: number | null }[] {
  const actions = parseLog(output).filter(({ event = '' }) => MEMORY_ACTIONS.includes(event));
  return actions.map(({ child, process = '' }) => ({ child, pid: numberIn(/\(pid (\d+)\)$/, process) }));
}

/** What an outcome can name: a signal, the exit of a child, or memory. */
type Named = { kind: 'signal'; signal: StopSignal } | { kind: 'child-exit'; child: ChildName } | { kind: 'memory' };

export function namesCause({ cause, signal, child, msg = '' }: LogEvent, expected: Named): boolean {
  if (expected.kind === 'memory') return cause === 'memory';
  if (expected.kind === 'child-exit')
    return cause === 'child-exited' && child === expected.child && msg.startsWith(`${child} `);
  return cause === 'signal' && signal === expected.signal && msg.startsWith(`asked to stop by ${signal};`);
}

export function checkCode({ end }: Pick<History, 'end'>, expected: readonly number[]): string[] {
  if (end.code !== null && expected.includes(end.code)) return [];
  return [`exit code ${end.code ?? end.signal ?? '?'}, expected ${[...new Set(expected)].join(' or ')}`];
}

export function namesCode({ code, msg = '' }: LogEvent, expected: number | null): boolean {
  return code === expected && endsWithCode(msg, expected);
}

/** Invalid settings are reported in plain text. */
export function endsWithCode(line: string, code: number | null): boolean {
  return line.endsWith(`exit code ${String(code)}`);
}

/** Whether the outcome says that the supervisor had to kill this child, and not only a process with a pid. */
export function saysKilled({ msg = '' }: LogEvent, child: string): boolean {
  const killed = msg.split('; ').find((part) => part.includes('had to be killed')) ?? '';
  return new RegExp(`(^|, |and )${child}\\b(?! \\()`).test(killed);
}

/** How many lines of the children this line reports as dropped. */
export function droppedLinesIn(line: string): number {
  return Number(/^mstdn-supervise: (\d+) log lines were dropped here/.exec(line)?.[1] ?? 0);
}

/** No child is a Node process. */
export function nodeWarningsIn(output: string): string[] {
  const lines = output.split('\n').filter((line) => /\(node:\d+\) /.test(line));
  return lines.map((line) => `warning of the supervisor's Node: ${line.slice(0, 200)}`);
}
