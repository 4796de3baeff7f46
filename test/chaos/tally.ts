import { ingredientsOf } from './ingredients.ts';
import type { RealRecord } from './real-record.ts';
import type { RealDeed } from './real-story.ts';
import type { AnyPlayed } from './repertoire.ts';
import type { TinyRecord } from './record.ts';
import type { Deed } from './story.ts';

/** So late the machine was worth a word: a little, more, and so much that the judge allows seconds. */
const LATE_MS = [120, 300, 720];

type Counts = Map<string, number>;

/** What a run of stories was made of: it proves as much as happened in it. */
export class Tally {
  readonly #ingredients: Counts = new Map();
  readonly #deeds: Counts = new Map();
  readonly #ends: Counts = new Map();
  readonly #requests = { asked: 0, answered: 0, refused: 0 };
  readonly #jobs = { enqueued: 0, done: 0, lost: 0 };
  #stories = 0;
  #processes = 0;
  #real = 0;
  #atBoot = 0;
  readonly #late = LATE_MS.map((ms) => ({ ms, stories: 0 }));
  #mostLateMs = 0;
  #roomy = 0;

  add({ story, record }: AnyPlayed): void {
    this.#stories += 1;
    for (const what of ingredientsOf(story)) count(this.#ingredients, what);
    if (record === null) return count(this.#ends, 'none, the play itself failed');
    for (const step of this.#late) if (record.lagMs > step.ms) step.stories += 1;
    this.#mostLateMs = Math.max(this.#mostLateMs, record.lagMs);
    if (record.end.signal !== null && record.end.signal !== 'SIGKILL') this.#atBoot += 1;
    for (const { what } of record.done) count(this.#deeds, inWords(what));
    count(this.#ends, `${record.end.code ?? record.end.signal ?? '?'}`);
    if ('visits' in record) this.#addReal(record);
    else this.#addTiny(record);
  }

  /** Markdown: what counts most. */
  summarize(): string {
    const { asked, answered, refused } = this.#requests;
    const { enqueued, done, lost } = this.#jobs;
    return [
      `- dynos: ${this.#stories}, ${this.#real} of them with real puma, sidekiq and Redis; processes of tiny children: ${this.#processes}`,
      `- jobs: ${enqueued}, of which ${done} were done, ${enqueued - done - lost} were in Redis for the next dyno, and ${lost} were lost: in hand of a sidekiq that was ended by force or could not reach Redis, or taken along by a Redis that was restarted`,
      `- requests: ${asked}, of which ${answered} got their whole answer and ${refused} a refusal; the others a broken connection, or nobody listened`,
    ].join('\n');
  }

  /** Markdown: all of it. */
  describe(): string {
    return [
      this.summarize(),
      `- made of: ${listOf(this.#ingredients)}`,
      `- done to them: ${listOf(this.#deeds)}`,
      `- exit codes: ${listOf(this.#ends)}`,
      `- ended by a signal other than KILL before the supervisor's first line, and asked only for what is left: ${this.#atBoot}`,
      `- played while the machine was late by more than ${this.#late.map(({ ms, stories }) => `${ms} ms: ${stories}`).join(', ')}; the most ${Math.round(this.#mostLateMs)} ms`,
      ...(this.#roomy > 0 ? [`- a tmp that should be full and could not be mounted: ${this.#roomy}`] : []),
    ].join('\n');
  }

  #addReal({ visits, enqueued, ledger, waiting }: RealRecord): void {
    this.#real += 1;
    const done = new Set(ledger.filter(({ what }) => what === 'finished').map(({ id }) => id));
    const kept = new Set([...done, ...waiting]);
    this.#jobs.enqueued += enqueued.length;
    this.#jobs.done += enqueued.filter(({ jid }) => done.has(jid)).length;
    this.#jobs.lost += enqueued.filter(({ jid }) => !kept.has(jid)).length;
    for (const { gave } of visits) this.#addRequest(typeof gave === 'object' ? gave : null);
  }

  #addTiny({ answers, ledger, isTmpRoomy }: TinyRecord): void {
    if (isTmpRoomy) this.#roomy += 1;
    this.#processes += new Set(ledger.map(({ pid }) => pid)).size;
    for (const { gave } of answers) this.#addRequest(typeof gave === 'object' && gave.isWhole ? gave : null);
  }

  /** answer: null where none came, or only a part of one. */
  #addRequest(answer: { status: number } | null): void {
    this.#requests.asked += 1;
    if (answer?.status === 200) this.#requests.answered += 1;
    else if (answer !== null) this.#requests.refused += 1;
  }
}

function count(counts: Counts, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The most frequent first. */
function listOf(counts: Counts): string {
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  return sorted.map(([what, times]) => `${what} ${times}`).join(', ');
}

function inWords(what: Deed | RealDeed): string {
  switch (what.do) {
    case 'stop': {
      const isToAll = 'to' in what ? what.to !== 'supervisor' : what.toAll;
      return `${what.signal} to ${isToAll ? 'all' : 'the supervisor'}`;
    }
    case 'tell':
      return `${what.signal} to ${what.whom}`;
    case 'kill':
      return `SIGKILL of ${what.whom}`;
    case 'freeze':
    case 'thaw':
      return what.do === 'freeze' ? 'SIGSTOP' : 'SIGCONT';
    case 'stall':
    case 'close':
      return `the reader ${what.do}s`;
    case 'read':
      return 'the reader reads on';
    case 'ask':
      return 'a request at an instant';
    case 'step':
      return 'a step of the clock';
    case 'restart redis':
      return 'a restart of Redis';
  }
}
