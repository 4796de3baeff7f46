import type { End } from '../harness/dyno.ts';
import type { Fault, RealFault, RequestKind, Scenario, StopSignal } from './scenario.ts';

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
  injected: readonly InjectedFault[];
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

/** pids: the processes that the fault reached, unless it was the supervisor alone. */
export type InjectedFault = { atMs: number; untilMs: number; fault: Fault; pids: readonly number[] };

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
export type InjectedRealFault = { atMs: number; untilMs: number; fault: RealFault; exitedAtMs: number | null };

/** What a job, a request in the app, or an exiting sidekiq recorded of itself. */
export type WorkEvent = {
  kind: 'job' | 'request' | 'exit';
  id: string;
  event: 'started' | 'interrupted' | 'finished' | 'responded' | `code${number}`;
  pid: number;
  atMs: number;
};

export type RealRequestRecord = {
  id: string;
  durationMs: number;
  sentAtMs: number;
  endedAtMs: number;
  result: { status: number; isCorrect: boolean } | 'connection-failed' | 'timeout';
};

/** A pipe may hold no more than this; unread output beyond that may be dropped. */
const UNREAD_BYTES = 30_000;

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

/** The last event of a process. */
export function isExit({ event }: ChildEvent): boolean {
  return /^(crash|drained) /.test(event);
}

/** The first event of a process. */
export function isStart({ event }: ChildEvent): boolean {
  return event === 'start' || event.startsWith('waits-for ');
}

/** The processes that do the work of a wrapper. */
export function wrappedIn(events: readonly ChildEvent[]): Set<number> {
  return new Set(
    events.flatMap(({ pid, event }) => {
      if (event === 'wrapped') return [pid];
      return event.startsWith('waits-for ') ? [Number(event.slice('waits-for '.length))] : [];
    }),
  );
}

// What follows is all that the harness knows of the supervisor's log: names of events and fields, and wording.

const JSON_START = '{"level"';
/** What the memory guard does against growth. */
const MEMORY_ACTIONS: readonly unknown[] = [
  'terminating',
  'graceful-restart',
  'emergency-restart',
  'stopped-for-memory',
];

/** A line of the supervisor's log, as far as the checkers need it. */
export type LogEvent =
  | { type: 'outcome'; cause: string; signal: string; child: string; code: unknown; message: string }
  | { type: 'memory-action'; child: string; pid: number | null }
  | { type: 'other' };

/** Without a prefix, a log line may follow half a line of a child that shares its stdout. */
export function parseLog(output: string): LogEvent[] {
  const lines = output.split('\n').map((line) => line.slice(Math.max(0, line.indexOf(JSON_START))));
  const complete = lines.filter((line) => line.startsWith(JSON_START) && line.endsWith('}'));
  return complete.map((line) => logEventOf(JSON.parse(line) as { [field: string]: unknown }));
}

function logEventOf({ event, cause, signal, child, code, msg, process }: { [field: string]: unknown }): LogEvent {
  if (event === 'outcome') {
    const words = { cause: String(cause), signal: String(signal), child: String(child), message: String(msg) };
    return { type: 'outcome', code, ...words };
  }
  if (!MEMORY_ACTIONS.includes(event)) return { type: 'other' };
  const pid = /\(pid (\d+)\)$/.exec(String(process))?.[1];
  return { type: 'memory-action', child: String(child), pid: pid === undefined ? null : Number(pid) };
}

export type Outcome = LogEvent & { type: 'outcome' };

export function namesSignal({ cause, signal, message }: Outcome, expected: StopSignal): boolean {
  const isInWords = message.startsWith(`asked to stop by ${expected};`);
  return cause === 'signal' && signal === expected && isInWords;
}

export function namesChild({ cause, child, message }: Outcome, expected: string): boolean {
  return cause === 'child-exited' && child === expected && message.startsWith(`${expected} `);
}

export function namesCode({ code, message }: Outcome, expected: number | null): boolean {
  return code === expected && endsWithCode(message, expected);
}

/** Invalid settings are reported in plain text. */
export function endsWithCode(line: string, code: number | null): boolean {
  return line.endsWith(`exit code ${String(code)}`);
}

/** Whether the outcome says that the supervisor had to kill this child, and not only a process with a pid. */
export function saysKilled({ message }: Outcome, child: string): boolean {
  const killed = message.split('; ').find((part) => part.includes('had to be killed')) ?? '';
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
