import { slackOf, type Moment } from './causes.ts';
import { endsUnasked, livesOf, type Life } from './lives.ts';
import { factsIn, type Entry, type TinyRecord } from './record.ts';
import { castOf, natureOf, type ChildName, type Story } from './story.ts';

/** So long the guard has for its look, its exact reading and its deed. */
const ACTS_WITHIN_MS = 2500;
const LOOKS_EVERY_MS = 1500;
const DEEDS = ['ending', 'recycling', 'saving'];

/** A helper that holds more than relieve allows is ended, or something is restarted for it; above save something always is,
 * or the dyno ends for memory. */
export function judgeMemory(story: Story, record: TinyRecord, cause: Moment): string[] {
  if (story.memory === 'off' || record.end.code === 75) return [];
  const grown = record.ledger.filter((entry) => isDue(story, entry) && !isOfOurs(entry, record));
  const fromMs = judgesFromMs(story, record);
  const untilMs = Math.min(cause.fromMs, record.endedAtMs) - ACTS_WITHIN_MS - slackOf(record);
  return grown
    .filter((entry) => Math.max(entry.atMs, fromMs) < untilMs && !isDealtWith(story, record, cause, entry))
    .map(
      ({ name, atMs }) => `${name} grew ${Math.round(record.endedAtMs - atMs)} ms before the end, and nothing was done`,
    );
}

/** Judged only from when all children are up and fit the quota, helpers apart: the guard knows what is up by the ready file, and has
 * to look before a child grows. Before that it acts as well, but what it does depends on more than is recorded here. Infinity: it
 * may never come to know. */
function judgesFromMs(story: Story, record: TinyRecord): number {
  const cast = castOf(story).filter((child) => child !== 'streaming' || story.streaming === 'inline');
  if (story.tmp !== 'there' && cast.includes('sidekiq')) return Infinity;
  const lives = livesOf(record);
  const ups = cast.map(
    (child) => lives.find((life) => life.child === child && life.upAtMs !== null)?.upAtMs ?? Infinity,
  );
  const allUpAtMs = Math.max(...ups);
  const isSelf = ({ name, what }: Entry): boolean =>
    what === 'grow' && natureOf(story, name as ChildName).grows?.what === 'self';
  const firstAtMs = record.ledger.find(isSelf)?.atMs ?? Infinity;
  return allUpAtMs + LOOKS_EVERY_MS < firstAtMs ? allUpAtMs : Infinity;
}

/** A child that grows itself can only be restarted from `relieve` on if it was ready before: that is left open here. */
function isDue(story: Story, { name, what }: Entry): boolean {
  if (what.startsWith('helper ')) return true;
  return story.memory === 'save' && what === 'grow' && natureOf(story, name as ChildName).grows?.what === 'self';
}

/** A helper that we killed. */
function isOfOurs({ what }: Entry, { done }: TinyRecord): boolean {
  const pid = Number(/^helper (\d+)$/.exec(what)?.[1]);
  return done.some(({ what: deed, pids }) => deed.do === 'kill' && pids.includes(pid));
}

/** By the guard, or it ended with its child, or is of one that cannot tell. Where more than one grows, the guard may have had its hands
 * full with another: there any deed will do. */
function isDealtWith(story: Story, record: TinyRecord, cause: Moment, { name, pid, atMs, what }: Entry): boolean {
  const grown = record.ledger.filter((entry) => /^(grow$|helper )/.test(entry.what));
  const isAlone = grown.every((entry) => entry.pid === pid);
  const isOfIt = (child: string): boolean =>
    isAlone ? child === name : natureOf(story, child as ChildName).grows !== null;
  const ours = record.ledger.filter((entry) => isOfOurs(entry, record)).map((entry) => entry.pid);
  const hasEnded = record.ledger.some((entry) => {
    const isIts = isAlone ? entry.pid === pid && entry.atMs >= atMs : !ours.includes(entry.pid);
    return entry.what === 'helper-ended' && isIts;
  });
  if (hasEnded || livesOf(record).some((life) => isOfIt(life.child) && hasItsOwnEnd(life, cause))) return true;
  const own = new Set([
    what.replace('helper ', ''),
    ...record.ledger.filter((one) => one.name === name).map((one) => `${one.pid}`),
  ]);
  return factsIn(record.output).some((fact) => isDeed(fact) && (!isAlone || isAbout(fact, name, own)));
}

function hasItsOwnEnd(life: Life, cause: Moment): boolean {
  const { termsAtMs, toldAtMs, killedAtMs, frozenAtMs } = life;
  const isAsked = (termsAtMs[toldAtMs.length] ?? Infinity) < cause.fromMs;
  return endsUnasked(life) || isAsked || killedAtMs !== null || frozenAtMs.length > 0;
}

/** Streaming on demand may have to make room first, whoever grows. */
function isAbout(fact: { [field: string]: unknown }, child: string, pids: ReadonlySet<string>): boolean {
  const pid = /\(pid (\d+)\)$/.exec(String(fact.process))?.[1];
  return fact.child === child || fact.child === 'streaming' || (pid !== undefined && pids.has(pid));
}

/** Streaming that is put to rest because nobody asks for it says no why. */
function isDeed(fact: { [field: string]: unknown }): boolean {
  return DEEDS.includes(String(fact.fact)) || (fact.fact === 'resting' && 'why' in fact);
}
