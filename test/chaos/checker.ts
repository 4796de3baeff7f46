import { analyze, type Analysis, type Cause } from './causes.ts';
import {
  checkCode,
  droppedLinesIn,
  endsWithCode,
  isOutcome,
  killsOf,
  parseLog,
  STOP_TIMEOUT_MS,
  type History,
} from './history.ts';
import { childrenOf, isRouted, type ChildName, type Scenario } from './scenario.ts';
import { checkMemory, checkRequests } from './service-checker.ts';
import { checkKilledSupervisor, checkLastLine, checkStop } from './stop-checker.ts';
import { exitsAtDeadline, isEndedAtBoot, isUntraceable, mayHaveUnknownDaemon, type Trace } from './traces.ts';

/** Number of dots at the end of a complete line of a flood. */
const DOTS = 60;

/** Time from the fork of a child to the first event that it records. */
const FIRST_EVENT_MS = 300;

/** Every violation of an invariant, in words. They follow from the injected faults, from what the children recorded and from
 * docs/termination.md, not from the supervisor's code. */
export function check(scenario: Scenario, history: History): string[] {
  return [...history.nodeWarnings, ...checkRun(scenario, history)];
}

function checkRun(scenario: Scenario, history: History): string[] {
  if (isEndedAtBoot(history)) return checkNothingLeft(history);
  const analysis = analyze(scenario, history);
  const isSupervisorKilled = history.end.signal === 'SIGKILL' && killsOf(history, 'supervisor').length > 0;
  if (isSupervisorKilled) return [...checkKilledSupervisor(analysis), ...checkRequests(analysis, false)];
  const code = codeOfMisconfiguration(scenario);
  if (code !== null) return checkMisconfigured(scenario, history, code);
  if (analysis.causes.length === 0) return ['the dyno ended without a known cause'];
  return [
    ...checkCode(
      history,
      analysis.causes.flatMap((cause) => codesOf(cause, analysis)),
    ),
    ...checkDuration(analysis),
    ...checkStop(analysis),
    ...checkStarts(analysis),
    ...checkLastLine(analysis),
    ...checkLogLines(analysis),
    ...checkRequests(analysis, true),
    ...checkMemory(analysis),
    ...checkLeft(analysis),
  ];
}

/** The exit codes that the table in docs/termination.md gives. */
function codesOf(cause: Cause, { history, traces, early, slackMs }: Analysis): number[] {
  if (cause.kind === 'child-exit') return [cause.code];
  if (cause.kind === 'memory') return [75];
  const killed = traces.filter((trace) => trace.wasKilledByDyno);
  if (killed.length > 0) return killed.every((trace) => early.has(trace)) ? [0, 137] : [137];
  // A child that is killed while it drains has lost its jobs, whatever has killed it.
  const isLost = ({ exit, killedAtMs }: Trace): boolean =>
    Math.max(killedAtMs ?? -Infinity, exit?.isBySigkill ? exit.atMs : -Infinity) > cause.fromMs - slackMs;
  const lost = traces.filter((trace) => trace.isFirst && isLost(trace));
  if (lost.some((trace) => !early.has(trace) && wasSurelyKilled(trace))) return [137];
  const isAtDeadline = traces.some((trace) => exitsAtDeadline(trace, cause, history));
  return lost.length > 0 || isAtDeadline || mayHaveUnknownDaemon(history) ? [0, 137] : [0];
}

/** Of a process that a fault killed. A wrapper may have ended at its TERM before. */
function wasSurelyKilled({ role, exit, killedAtMs }: Trace): boolean {
  return role !== 'wrapper' && (exit === null || exit.isBySigkill || exit.atMs > (killedAtMs ?? 0));
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
  const late = traces.filter(({ isFirst, startedAtMs }) => isFirst && startedAtMs > untilMs);
  return late.map(({ child }) => `${child} was started after the stop`);
}

/** For a dyno that has started its children. */
function checkLeft(analysis: Analysis): string[] {
  const { history, traces, stop } = analysis;
  const { processesLeft } = history;
  const untraceable = traces.filter((trace) => isUntraceable(analysis, trace, stop)).map(({ pid }) => pid);
  const startedLater = traces.filter(({ pid, isLeft }) => isLeft && !processesLeft.some((left) => left.pid === pid));
  const all = [
    ...processesLeft,
    ...startedLater.map(({ pid, child, role }) => ({ pid, command: `${role} of ${child}` })),
  ];
  return checkNothingLeft({ ...history, processesLeft: all.filter(({ pid }) => !untraceable.includes(pid)) });
}

function checkNothingLeft({ processesLeft, filesLeft }: History): string[] {
  return [
    ...processesLeft.map(({ pid, command }) => `process ${pid} was left: ${command}`),
    ...filesLeft.map((file) => `${file} was left`),
  ];
}

/** Null where the configuration error does not affect this dyno. */
function codeOfMisconfiguration(scenario: Scenario): number | null {
  const children = childrenOf(scenario);
  const codes = {
    'invalid-setting': 78,
    'command-not-found': children.includes('puma') || children.includes('sidekiq') ? 127 : null,
    'not-executable': children.includes('sidekiq') ? 126 : null,
    'port-taken': isRouted(scenario) ? 78 : null,
  };
  return scenario.misconfiguration && codes[scenario.misconfiguration];
}

/** Exit code and last line name the configuration error, and nothing was started. */
function checkMisconfigured(scenario: Scenario, history: History, expected: number): string[] {
  const { misconfiguration, stdout } = scenario;
  const log = misconfiguration === 'invalid-setting' && stdout === 'socket' ? history.stderr : history.output;
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  const event = parseLog(line)[0];
  const isNamed = (isOutcome(event) && event.code === expected) || endsWithCode(line, expected);
  // The reader had stalled or gone, or the relay of the log was killed.
  const isUnread = (stdout !== 'file' && history.reader !== 'reading') || killsOf(history, 'relay').length > 0;
  return [
    ...checkCode(history, [expected]),
    ...history.events.slice(0, 1).map(({ process }) => `${process} was started in spite of a configuration error`),
    ...(isNamed || (line === '' && isUnread)
      ? []
      : [`the last line does not name exit code ${expected}: ${line.slice(0, 200)}`]),
    ...checkNothingLeft(history),
  ];
}

/** With a prefix, every line of a child stands by itself, and none that it began is lost; provided that all output was read. A child pauses
 * in the middle of one line, and floods the log with numbered ones. */
export function checkLogLines({ scenario, history }: Analysis): string[] {
  const isDisturbed = history.injected.some(({ fault }) => /^(stall|close)-reader$/.test(fault.type));
  if (!scenario.hasPrefix || isDisturbed || killsOf(history, 'relay').length > 0) return [];
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

/** The lines count down to 1, from the top each time that the child was ready. How far it came is not known. */
function checkFlood(child: ChildName, scenario: Scenario, history: History, lines: readonly string[]): string[] {
  const { onTerm, lines: top } = scenario.behaviors[child];
  const pattern = new RegExp(`^${child} \\| ${child} line (\\d+) (\\.*)$`);
  let last = { number: 0, isComplete: true };
  let [dropped, missing, floods, isCut] = [0, 0, 0, false];
  for (const line of lines) {
    dropped += droppedLinesIn(line);
    const [, digits, dots = ''] = pattern.exec(line) ?? [];
    if (digits === undefined) continue;
    const number = Number(digits);
    const isRestart = number >= last.number;
    const gap = (isRestart ? top + 1 : last.number) - number - 1;
    if (gap > dropped) missing += gap;
    if (isRestart) floods += 1;
    else if (!last.isComplete) isCut = true; // Only the last line may be cut.
    last = { number, isComplete: dots.length === DOTS };
    dropped = 0;
  }
  // A signal handler that returns makes the child skip the line whose write it interrupted.
  const skipped = count(history, child, 'TSTP') + (onTerm.kind === 'ignore' ? count(history, child, 'TERM') : 0);
  return [
    ...(missing > skipped ? [`${missing} lines of ${child} are missing, and no line says so`] : []),
    ...(isCut ? [`a line of ${child} was cut, and it went on`] : []),
    ...(floods > count(history, child, 'ready') ? [`a line of ${child} came twice`] : []),
  ];
}
