import { slackOf } from './causes.ts';
import { ingredientsOf } from './ingredients.ts';
import type { RealRecord } from './real-record.ts';
import type { RealDeed } from './real-story.ts';
import type { AnyPlayed } from './repertoire.ts';
import type { TinyRecord } from './record.ts';
import type { Deed } from './story.ts';

/** What a judgement of times may be off before it is worth a word. */
const SLACK_MS = 300;

type Counts = Map<string, number>;

/** What a run of stories was made of: it proves as much as happened in it. */
export class Tally {
  readonly #ingredients: Counts = new Map();
  readonly #deeds: Counts = new Map();
  readonly #ends: Counts = new Map();
  readonly #requests = { asked: 0, answered: 0 };
  readonly #jobs = { enqueued: 0, done: 0 };
  #processes = 0;
  #real = 0;
  #slow = 0;
  #mostSlackMs = 0;
  #roomy = 0;

  add({ story, record }: AnyPlayed): void {
    for (const what of ingredientsOf(story)) count(this.#ingredients, what);
    if (record === null) return count(this.#ends, 'none, the play itself failed');
    if (slackOf(record) > SLACK_MS) this.#slow += 1;
    this.#mostSlackMs = Math.max(this.#mostSlackMs, slackOf(record));
    for (const { what } of record.done) count(this.#deeds, inWords(what));
    count(this.#ends, `${record.end.code ?? record.end.signal ?? '?'}`);
    if ('visits' in record) this.#addReal(record);
    else this.#addTiny(record);
  }

  /** Markdown. */
  describe(): string {
    const { asked, answered } = this.#requests;
    const { enqueued, done } = this.#jobs;
    return [
      `- with real parts: ${this.#real} of the dynos; ${enqueued} jobs, ${done} of them done, the others in the queue again or in hand of a sidekiq that was ended by force`,
      `- requests: ${asked}, of which ${answered} got a whole answer, the others a broken connection or a refusal`,
      `- processes of tiny children: ${this.#processes}`,
      `- made of: ${listOf(this.#ingredients)}`,
      `- done to them: ${listOf(this.#deeds)}`,
      `- exit codes: ${listOf(this.#ends)}`,
      `- judged with more than ${SLACK_MS} ms of slack, since the machine was late: ${this.#slow}, the most ${Math.round(this.#mostSlackMs)} ms`,
      ...(this.#roomy > 0 ? [`- a tmp that should be full and could not be mounted: ${this.#roomy}`] : []),
    ].join('\n');
  }

  #addReal({ visits, enqueued, ledger }: RealRecord): void {
    this.#real += 1;
    this.#jobs.enqueued += enqueued.length;
    this.#jobs.done += new Set(ledger.filter(({ what }) => what === 'finished').map(({ id }) => id)).size;
    this.#requests.asked += visits.length;
    this.#requests.answered += visits.filter(({ gave }) => typeof gave === 'object' && gave.status === 200).length;
  }

  #addTiny({ answers, ledger, isTmpRoomy }: TinyRecord): void {
    if (isTmpRoomy) this.#roomy += 1;
    this.#processes += new Set(ledger.map(({ pid }) => pid)).size;
    this.#requests.asked += answers.length;
    this.#requests.answered += answers.filter(({ gave }) => typeof gave === 'object' && gave.isWhole).length;
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
