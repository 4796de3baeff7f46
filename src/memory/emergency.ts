import type { ChildName } from '../plan/spec.ts';
import { danger, largest, level, megabytes } from './amounts.ts';
import { isHelperEnding, killGrowing } from './end-transient.ts';
import { TOO_BIG, type Case, type Choice, type Fit, type Memory } from './memory.ts';
import { allGrown } from './relief.ts';
import { idOf } from './transients.ts';
import type { View } from './view.ts';

type Unknown = Extract<Fit, { state: 'unknown' }>;

/** Above `save`, whatever is up: a helper is killed; else a child is restarted at once, as far as that can help:
 * - the dyno fits its quota: the child that holds most of those that grew; without one, the whole dyno stops;
 * - not known yet: a child that is up and grew; else, once, a sidekiq that was not seen ready, since it may work already;
 * - the dyno is too big: a child that is up and grew. */
export function emergency(memory: Memory, about: Case): Choice | null {
  if (isHelperEnding(memory, about.view, ['KILL'])) return null;
  const helper = killGrowing(memory, about);
  if (helper) return helper;
  switch (memory.fit.state) {
    case 'fits':
      return restart(restartable(memory, about), about, 'stop-dyno');
    case 'unknown':
      return noted(restartGrown(memory, about, 'stop-dyno'), memory.fit, about) ?? restartUnready(memory.fit, about);
    case 'too-big':
      return restartGrown(memory, about, 'none');
  }
}

type Held = { name: ChildName; held: number };

/** The sidekiq that holds most of those that grew, else such a puma behind the router. */
function restartable(memory: Memory, about: Case, isEnough: (gain: number) => boolean = () => true): Held | null {
  const { quiet, routed } = allGrown(memory, about);
  const enough = [quiet, routed].map((grown) => grown.filter(({ gain }) => isEnough(gain)));
  return enough.map((grown) => largest(grown, ({ held }) => held)).find((one) => one !== null) ?? null;
}

/** A restart counts as a help if without what the child gained the dyno is below `save` again. */
function restartGrown(memory: Memory, about: Case, lastResort: 'stop-dyno' | 'none'): Choice | null {
  const { view, limits } = about;
  const child = restartable(memory, about, (gain) => view.totalBytes - gain < limits.thresholds.save);
  return child === null ? null : restart(child, about, lastResort);
}

/** A sidekiq whose readiness was not seen may be at work and leak, or be booting in a dyno that is too small for it. Nothing
 * tells these apart, so one restart is tried where the others alone are below `relieve`. Where its next start needs as much,
 * the dyno is too big, and the dyno is not stopped for that: its next start would need as much, too. */
function restartUnready(fit: Unknown, about: Case): Choice | null {
  const child = unready(fit, about);
  if (child === null) return null;
  if (fit.restarted !== null && fit.restarted !== child.process) return sayTooBig(child, about);
  return noted(restart(child, about, 'none'), fit, about);
}

/** The choice, which remembers the process that is restarted by it. */
function noted<T extends Choice | null>(choice: T, fit: Unknown, { view }: Case): T {
  if (choice?.verdict.type !== 'save' || choice.verdict.child === null) return choice;
  return { ...choice, changes: { fit: { ...fit, restarted: firstProcess(choice.verdict.child, view) } } };
}

/** The id of the first process of a child; null while it has none. */
function firstProcess(child: ChildName, { processes }: View): string | null {
  const pids = new Set(processes.map(({ pid }) => pid));
  const first = processes.find((use) => use.child === child && !pids.has(use.parent));
  return first === undefined ? null : idOf(first);
}

type Unready = Held & { process: string };

/** The child that is being restarted, else the one that holds most. */
function unready({ restarted }: Unknown, { view, up, specs, limits }: Case): Unready | null {
  const all = specs.flatMap(({ name, memory: { recycle } }): Unready[] => {
    const process = firstProcess(name, view);
    if (process === null || up.has(name) || recycle === null || recycle.quiet === null) return [];
    return [{ name, held: view.children.get(name) ?? 0, process }];
  });
  const child = all.find(({ process }) => process === restarted) ?? largest(all, ({ held }) => held);
  return child && view.totalBytes - child.held < limits.thresholds.relieve ? child : null;
}

function restart(child: Held | null, { view, limits }: Case, lastResort: 'stop-dyno' | 'none'): Choice {
  const { save, kill } = limits.thresholds;
  const atOnce = view.totalBytes >= (save + kill) / 2;
  const held = child ? `, and ${child.name} holds ${megabytes(child.held)}` : '';
  const why = `${danger(view.totalBytes, limits.bytes, kill)}${held}`;
  return { verdict: { type: 'save', child: child?.name ?? null, why, atOnce, lastResort }, changes: {} };
}

function sayTooBig({ name }: Held, { view, limits }: Case): Choice {
  const text = `${level(view.totalBytes, limits.bytes)}, and ${name} was restarted for that already: ${TOO_BIG}`;
  return { verdict: { type: 'say', level: 'warn', text }, changes: { fit: { state: 'too-big' } } };
}
