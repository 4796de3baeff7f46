import { analyze, type Analysis, type Cause } from './causes.ts';
import { droppedLinesIn, endsWithCode, parseLog, STOP_TIMEOUT_MS, type History } from './history.ts';
import { childrenOf, isRouted, type ChildName, type Scenario } from './scenario.ts';
import { checkMemory, checkRequests } from './service-checker.ts';
import { checkKilledSupervisor, checkLastLine, checkStop } from './stop-checker.ts';
import {
  exitsAtDeadline,
  isEndedAtBoot,
  isFirst,
  isUntraceable,
  mayHaveUnknownDaemon,
  type Trace,
  wasKilledByDyno,
  wasSurelyKilled,
} from './traces.ts';

/** Number of dots at the end of a complete line of a flood. */
const DOTS = 60;

/** Time from the fork of a child to the first event that it records. */
const FIRST_EVENT_MS = 300;

/**
 * Every violation of an invariant, in words. They follow from the injected faults, from what the children recorded and from
 * docs/termination.md, not from the supervisor's code.
 */
export function check(scenario: Scenario, history: History): string[] {
  return [...history.nodeWarnings, ...checkRun(scenario, history)];
}

function checkRun(scenario: Scenario, history: History): string[] {
  if (isEndedAtBoot(history)) return checkNothingLeft(history);
  const analysis = analyze(scenario, history);
  if (isSupervisorKilled(history)) return [...checkKilledSupervisor(analysis), ...checkRequests(analysis, false)];
  const code = codeOfMisconfiguration(scenario);
  if (code !== null) return [...checkMisconfigured(scenario, history, code), ...checkNothingLeft(history)];
  if (analysis.causes.length === 0) return ['the dyno ended without a known cause'];
  return [
    ...checkCode(analysis),
    ...checkDuration(analysis),
    ...checkStop(analysis),
    ...checkStarts(analysis),
    ...checkLastLine(analysis),
    ...checkLogLines(analysis),
    ...checkRequests(analysis, true),
    ...checkMemory(analysis),
    ...checkProcessesLeft(analysis),
    ...checkFilesLeft(history),
  ];
}

function isSupervisorKilled({ end, injected }: History): boolean {
  return (
    end.signal === 'SIGKILL' && injected.some(({ fault }) => fault.type === 'kill' && fault.target === 'supervisor')
  );
}

/** The exit code is one of the table in docs/termination.md. */
function checkCode(analysis: Analysis): string[] {
  const codes = new Set(analysis.causes.flatMap((cause) => codesOf(cause, analysis)));
  const { code, signal } = analysis.history.end;
  if (code !== null && codes.has(code)) return [];
  return [`exit code ${code ?? signal ?? '?'}, expected ${[...codes].join(' or ')}`];
}

function codesOf(cause: Cause, { history, traces, early, slackMs }: Analysis): number[] {
  if (cause.kind === 'child-exit') return [cause.code];
  if (cause.kind === 'memory') return [75];
  const killed = traces.filter(wasKilledByDyno);
  if (killed.length > 0) return killed.every((trace) => early.has(trace)) ? [0, 137] : [137];
  // A child that is killed while it drains has lost its jobs, whatever has killed it.
  const lost = traces.filter((trace) => isFirst(trace) && wasKilledSince(trace, cause.fromMs - slackMs));
  if (lost.some((trace) => !early.has(trace) && wasSurelyKilled(trace))) return [137];
  const isAtDeadline = traces.some((trace) => exitsAtDeadline(trace, cause, history));
  return lost.length > 0 || isAtDeadline || mayHaveUnknownDaemon(history) ? [0, 137] : [0];
}

function wasKilledSince({ exit, killedAtMs }: Trace, sinceMs: number): boolean {
  return (killedAtMs !== null && killedAtMs > sinceMs) || (exit?.isBySigkill === true && exit.atMs > sinceMs);
}

/** The dyno ends within its stop timeout. When a stop for memory begins is not known. */
function checkDuration({ history, causes, stop }: Analysis): string[] {
  if (causes.some(({ kind }) => kind === 'memory')) return [];
  const tookMs = Math.round(history.endedAtMs - stop.fromMs);
  const allowedMs = Math.round(stop.toMs - stop.fromMs + STOP_TIMEOUT_MS);
  return tookMs <= allowedMs ? [] : [`${tookMs} ms from the cause to the end, ${allowedMs} allowed`];
}

/** Nothing starts after the stop: no waiting sidekiq, no restarted child, no streaming on demand. */
function checkStarts({ traces, causes, slackMs }: Analysis): string[] {
  const stopsMs = causes.map(({ toMs }) => toMs).filter((toMs) => toMs < Infinity);
  if (stopsMs.length === 0) return [];
  const untilMs = Math.max(...stopsMs) + slackMs + FIRST_EVENT_MS;
  const late = traces.filter((trace) => isFirst(trace) && trace.startedAtMs > untilMs);
  return late.map(({ child }) => `${child} was started after the stop`);
}

function checkProcessesLeft({ scenario, history: { processesLeft }, traces, stop }: Analysis): string[] {
  const untraceable = traces.filter((trace) => isUntraceable(scenario, trace, traces, stop)).map(({ pid }) => pid);
  const startedLater = traces.filter(({ pid, isLeft }) => isLeft && !processesLeft.some((left) => left.pid === pid));
  const all = [
    ...processesLeft,
    ...startedLater.map(({ pid, child, role }) => ({ pid, command: `${role} of ${child}` })),
  ];
  return all
    .filter(({ pid }) => !untraceable.includes(pid))
    .map(({ pid, command }) => `process ${pid} was left: ${command}`);
}

function checkFilesLeft({ filesLeft }: History): string[] {
  return filesLeft.map((file) => `${file} was left`);
}

/** For a dyno that has started nothing. */
function checkNothingLeft(history: History): string[] {
  const { processesLeft } = history;
  return [
    ...processesLeft.map(({ pid, command }) => `process ${pid} was left: ${command}`),
    ...checkFilesLeft(history),
  ];
}

/** Null where the configuration error does not affect this dyno. */
function codeOfMisconfiguration(scenario: Scenario): number | null {
  const children = childrenOf(scenario);
  switch (scenario.misconfiguration) {
    case null:
      return null;
    case 'invalid-setting':
      return 78;
    case 'command-not-found':
      return children.includes('puma') || children.includes('sidekiq') ? 127 : null;
    case 'not-executable':
      return children.includes('sidekiq') ? 126 : null;
    case 'port-taken':
      return isRouted(scenario) ? 78 : null;
  }
}

/** Exit code and last line name the configuration error, and nothing was started. */
function checkMisconfigured(scenario: Scenario, history: History, expected: number): string[] {
  const { end, events, output, stderr } = history;
  const log = scenario.misconfiguration === 'invalid-setting' && scenario.stdout === 'socket' ? stderr : output;
  return [
    ...(end.code === expected ? [] : [`exit code ${end.code ?? end.signal ?? '?'}, expected ${expected}`]),
    ...events.slice(0, 1).map(({ process }) => `${process} was started in spite of a configuration error`),
    ...(log.trim() === '' && mayMissLog(scenario, history) ? [] : checkErrorLine(log, expected)),
  ];
}

/** The reader had stalled or gone, or the relay of the log was killed. */
function mayMissLog({ stdout }: Scenario, { reader, injected }: History): boolean {
  const isRead = stdout === 'file' || reader === 'reading';
  return !isRead || injected.some(({ fault }) => fault.type === 'kill' && fault.target === 'relay');
}

function checkErrorLine(log: string, expected: number): string[] {
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  const event = parseLog(line)[0];
  const isOutcome = event?.type === 'outcome' && event.code === expected;
  if (isOutcome || endsWithCode(line, expected)) return [];
  return [`the last line does not name exit code ${expected}: ${line.slice(0, 200)}`];
}

/**
 * With a prefix, every line of a child stands by itself, and none that it began is lost; provided that all output was read. A child
 * pauses in the middle of one line, and floods the log with numbered ones.
 */
export function checkLogLines({ scenario, history }: Analysis): string[] {
  const isIncomplete = history.injected.some(
    ({ fault }) =>
      fault.type === 'stall-reader' ||
      fault.type === 'close-reader' ||
      (fault.type === 'kill' && fault.target === 'relay'),
  );
  if (!scenario.hasPrefix || isIncomplete) return [];
  const lines = history.output.split('\n');
  return [
    ...checkSeparate(lines),
    ...childrenOf(scenario).flatMap((child) => checkHalfLines(child, history, lines)),
    ...childrenOf(scenario).flatMap((child) => checkFlood(child, scenario, history, lines)),
  ];
}

function checkSeparate(lines: readonly string[]): string[] {
  const halves = lines.filter((line) => line.includes('half of a line'));
  const flood = lines.filter((line) => / line \d+ /.test(line) && parseLog(line).length === 0);
  const mixed = [
    ...halves.filter((line) => !/^(\w+) \| \1 half of a line( and the rest)?$/.test(line)),
    ...flood.filter((line) => !/^(\w+) \| \1 line \d+ \.{0,60}$/.test(line)).slice(0, 1),
  ];
  return mixed.map((line) => `a line that is not one line of one child: ${line.slice(0, 200)}`);
}

function checkHalfLines(child: ChildName, history: History, lines: readonly string[]): string[] {
  const own = lines.filter((line) => line.includes(`${child} half of a line`));
  const complete = own.filter((line) => line.endsWith(' and the rest'));
  return [
    ...(own.length < count(history, child, 'half') ? [`the first half of a line of ${child} was lost`] : []),
    ...(complete.length < count(history, child, 'rest') ? [`the rest of a line of ${child} was lost`] : []),
  ];
}

function count({ events }: History, child: ChildName, event: string): number {
  return events.filter((one) => one.process === child && one.event === event).length;
}

/** dropped: how many lines are reported as dropped right before this one. */
type FloodLine = { number: number; isComplete: boolean; dropped: number };

/** The lines count down to 1, from the top each time that the child was ready. How far it came is not known. */
function checkFlood(child: ChildName, scenario: Scenario, history: History, lines: readonly string[]): string[] {
  const { onTerm, lines: top } = scenario.behaviors[child];
  const flood = floodIn(lines, child);
  const before = (at: number): FloodLine | undefined => flood[at - 1];
  const isRestart = ({ number }: FloodLine, at: number): boolean => number >= (before(at)?.number ?? 0);
  const gaps = flood.map((line, at) => (isRestart(line, at) ? top + 1 : (before(at)?.number ?? 0)) - line.number - 1);
  const missing = gaps.filter((gap, at) => gap > (flood[at]?.dropped ?? 0)).reduce((sum, gap) => sum + gap, 0);
  // A signal handler that returns makes the child skip the line whose write it interrupted.
  const skipped = count(history, child, 'TSTP') + (onTerm.kind === 'ignore' ? count(history, child, 'TERM') : 0);
  // Only the last line may be cut.
  const isCut = flood.some((line, at) => !isRestart(line, at) && before(at)?.isComplete === false);
  const isTwice = flood.filter(isRestart).length > count(history, child, 'ready');
  return [
    ...(missing > skipped ? [`${missing} lines of ${child} are missing, and no line says so`] : []),
    ...(isCut ? [`a line of ${child} was cut, and it went on`] : []),
    ...(isTwice ? [`a line of ${child} came twice`] : []),
  ];
}

function floodIn(lines: readonly string[], child: ChildName): FloodLine[] {
  const pattern = new RegExp(`^${child} \\| ${child} line (\\d+) (\\.*)$`);
  let dropped = 0;
  return lines.flatMap((line) => {
    dropped += droppedLinesIn(line);
    const [, number, dots = ''] = pattern.exec(line) ?? [];
    if (number === undefined) return [];
    const found = { number: Number(number), isComplete: dots.length === DOTS, dropped };
    dropped = 0;
    return [found];
  });
}
