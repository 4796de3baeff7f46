import type { ChildName } from '../plan/spec.ts';
import { largest, megabytes } from '../units.ts';
import { isHelperEnding, killGrowingHelper } from './end-helper.ts';
import { processKey } from './helper-processes.ts';
import { describeDanger, describeLevel } from './messages.ts';
import { type Decision, type Fit, growthOf, type PolicyInput, type PolicyState, TOO_BIG } from './policy-state.ts';
import type { Snapshot } from './snapshot.ts';

type Unknown = Extract<Fit, { state: 'unknown' }>;
type LastResort = 'stop-dyno' | 'none';
type Candidate = { name: ChildName; bytes: number };

/** Above `emergency`, whatever is ready: a helper is killed; else a child is restarted at once, as far as that can help:
 * - the dyno fits its quota: the child that holds most of those that grew; without one, the whole dyno stops;
 * - not known yet: a ready child that grew; else, once, a sidekiq that was not seen ready, since it may work already;
 * - the dyno is too big: a ready child that grew. */
export function emergencyAction(state: PolicyState, input: PolicyInput): Decision | null {
  if (isHelperEnding(state, input.snapshot, ['KILL'])) return null;
  const helper = killGrowingHelper(state, input);
  if (helper) return helper;
  switch (state.fit.state) {
    case 'fits':
      return restart(largestGrown(state, input), input, 'stop-dyno');
    case 'unknown':
      return (
        rememberRestart(restartGrown(state, input, 'stop-dyno'), state.fit, input) ?? restartUnready(state.fit, input)
      );
    case 'too-big':
      return restartGrown(state, input, 'none');
  }
}

/** The sidekiq that holds most of those that grew, else such a puma behind the router. */
function largestGrown(
  state: PolicyState,
  input: PolicyInput,
  isEnough: (gain: number) => boolean = () => true,
): Candidate | null {
  const { quietable, routed } = growthOf(state, input);
  const largestOf = (grown: typeof routed): Candidate | null =>
    largest(
      grown.filter(({ gain }) => isEnough(gain)),
      ({ bytes }) => bytes,
    );
  return largestOf(quietable) ?? largestOf(routed);
}

/** A restart helps if the dyno is below `emergency` again without what the child gained. */
function restartGrown(state: PolicyState, input: PolicyInput, lastResort: LastResort): Decision | null {
  const { snapshot, limits } = input;
  const helps = (gain: number): boolean => snapshot.totalBytes - gain < limits.thresholds.emergency;
  const child = largestGrown(state, input, helps);
  return child === null ? null : restart(child, input, lastResort);
}

/** A sidekiq that was not seen ready may be at work and leak, or be booting in a dyno that is too small for it. Nothing tells
 * these apart, so one restart is tried where the other children alone are below `act`. Where its next start needs as much, the
 * dyno is too big; it is not stopped for that, since its next start would need as much, too. */
function restartUnready(fit: Unknown, input: PolicyInput): Decision | null {
  const child = largestUnready(fit, input);
  if (child === null) return null;
  if (fit.restarted !== null && fit.restarted !== child.process) return reportTooBig(child, input);
  return rememberRestart(restart(child, input, 'none'), fit, input);
}

/** Remembers the process that is restarted by the decision. */
function rememberRestart<T extends Decision | null>(decision: T, fit: Unknown, { snapshot }: PolicyInput): T {
  if (decision?.action.type !== 'restart' || decision.action.child === null) return decision;
  return { ...decision, changes: { fit: { ...fit, restarted: firstProcess(decision.action.child, snapshot) } } };
}

/** The key of the first process of a child; null while it has none. */
function firstProcess(child: ChildName, { processes }: Snapshot): string | null {
  const pids = new Set(processes.map(({ pid }) => pid));
  const first = processes.find((use) => use.child === child && !pids.has(use.parent));
  return first === undefined ? null : processKey(first);
}

/** The sidekiq that is being restarted, else the one that holds most. */
function largestUnready(
  { restarted }: Unknown,
  { snapshot, ready, specs, limits }: PolicyInput,
): (Candidate & { process: string }) | null {
  const unready = specs.flatMap(({ name, memory: { restart: method } }) => {
    const process = firstProcess(name, snapshot);
    if (process === null || ready.has(name) || method === null || method.quietSignal === null) return [];
    return [{ name, bytes: snapshot.children.get(name) ?? 0, process }];
  });
  const child = unready.find(({ process }) => process === restarted) ?? largest(unready, ({ bytes }) => bytes);
  return child && snapshot.totalBytes - child.bytes < limits.thresholds.act ? child : null;
}

function restart(child: Candidate | null, { snapshot, limits }: PolicyInput, lastResort: LastResort): Decision {
  const { emergency, kill } = limits.thresholds;
  const immediate = snapshot.totalBytes >= (emergency + kill) / 2;
  const held = child ? `; ${child.name} has ${megabytes(child.bytes)}` : '';
  const reason = `${describeDanger(snapshot.totalBytes, limits.bytes, kill)}${held}`;
  const name = child?.name ?? null;
  return { action: { type: 'restart', mode: 'emergency', child: name, reason, immediate, lastResort }, changes: {} };
}

function reportTooBig({ name }: Candidate, { snapshot, limits }: PolicyInput): Decision {
  const level = describeLevel(snapshot.totalBytes, limits.bytes);
  const text = `${level}, and ${name} was restarted for that already: ${TOO_BIG}`;
  return { action: { type: 'report', level: 'warn', text }, changes: { fit: { state: 'too-big' } } };
}
