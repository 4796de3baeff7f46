import { level } from './amounts.ts';
import { idOf, workersOf } from './transients.ts';
import { emergency } from './emergency.ts';
import { killGrowing } from './end-transient.ts';
import { isOnDemand, TOO_BIG, type Case, type Limits, type Memory, type Verdict } from './memory.ts';
import { relieve } from './relief.ts';
import { biggest, type View } from './view.ts';

/** A helper that would take us to the platform's kill within this time, at the present growth, gets no TERM first: two of
 * the quick looks. */
const FORESIGHT_S = 0.4;

/** So long above `relieve` with nothing at work before it counts as the dyno's own size. */
const TOO_BIG_FOR_MS = 60_000;
/** So far below `relieve` everything begins anew; part of the quota. */
const CALM = 0.1;

export function isCalm(totalBytes: number, { bytes, thresholds }: Limits): boolean {
  return totalBytes < thresholds.relieve - CALM * bytes;
}

/** What one exact reading means. */
export function judge(before: Memory, about: Case): readonly [Memory, ...Verdict[]] {
  const { view, limits } = about;
  const { thresholds } = limits;
  const { totalBytes: total } = view;
  const [known, ...fitting] = learn(before, about);
  const [memory, ...warnings] = warn(known, view, limits);
  const said = [...warnings, ...fitting];
  if (isCalm(total, limits)) return [{ ...memory, despaired: false }, ...said];
  if (total < thresholds.relieve) return [memory, ...said];
  const isClose = total + FORESIGHT_S * view.growth >= thresholds.kill;
  const choice =
    total >= thresholds.save
      ? emergency(memory, about)
      : ((isClose ? killGrowing(memory, about) : null) ?? relieve(memory, about));
  return choice === null ? [memory, ...said] : [{ ...memory, ...choice.changes }, ...said, choice.verdict];
}

/** What any look tells, a quick one too, since its figures are rather too high: that the dyno fits its quota. */
export function glimpse(memory: Memory, about: Case): Memory {
  const { view, limits } = about;
  if (memory.fit.state === 'fits' || !areUp(about)) return memory;
  return withoutHelpers(view) < limits.thresholds.relieve ? { ...memory, fit: { state: 'fits' } } : memory;
}

function learn(before: Memory, about: Case): readonly [Memory, ...Verdict[]] {
  const { view, limits } = about;
  const known = { ...glimpse(before, about), ...least(before, about) };
  const { fit } = known;
  if (fit.state !== 'unknown' || !areUp(about)) return [known];
  const aboveSinceMs = fit.aboveSinceMs ?? view.atMs;
  if (view.atMs - aboveSinceMs < TOO_BIG_FOR_MS) return [{ ...known, fit: { ...fit, aboveSinceMs } }];
  const text = `${level(withoutHelpers(view), limits.bytes)} ever since all were up: ${TOO_BIG}`;
  return [
    { ...known, fit: { state: 'too-big' } },
    { type: 'say', level: 'warn', text },
  ];
}

/** All but those that run on demand, for which nobody waits. */
function areUp({ up, specs }: Case): boolean {
  return specs.every((spec) => isOnDemand(spec) || up.has(spec.name));
}

/** The least that each has held, and the helpers that are still there. */
function least(memory: Memory, { view, up, specs }: Case): Pick<Memory, 'rest' | 'workers' | 'ending'> {
  const held = [...view.children].filter(([child]) => up.has(child));
  const workers = specs
    .filter((spec) => spec.memory.workers > 0)
    .flatMap(({ name }) => workersOf(name, view.processes));
  const living = new Set(view.processes.map(idOf));
  return {
    rest: new Map(held.map(([child, bytes]) => [child, Math.min(bytes, memory.rest.get(child) ?? Infinity)])),
    workers: new Map(workers.map((one) => [idOf(one), Math.min(one.bytes, memory.workers.get(idOf(one)) ?? Infinity)])),
    ending: new Map([...memory.ending].filter(([id]) => living.has(id))),
  };
}

function withoutHelpers({ helpers, totalBytes }: View): number {
  return helpers.reduce((sum, { use }) => sum - use.bytes, totalBytes);
}

function warn(memory: Memory, view: View, { bytes, thresholds }: Limits): readonly [Memory, ...Verdict[]] {
  if (view.totalBytes < thresholds.rearm) return [{ ...memory, warned: false }];
  if (memory.warned || view.totalBytes < thresholds.warn) return [memory];
  const text = `${level(view.totalBytes, bytes)}: the biggest is ${biggest(view)}`;
  return [
    { ...memory, warned: true },
    { type: 'say', level: 'warn', text },
  ];
}
