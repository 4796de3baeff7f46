import { slackOf } from './causes.ts';
import { livesOf, type Life } from './lives.ts';
import type { Answer, TinyRecord } from './record.ts';
import { isRouted, natureOf, type Story } from './story.ts';

/** The longest of our requests to puma. */
const LONGEST_MS = 300;
/** The four events of a stream. */
const STREAM_MS = 300;
/** From the first request for streaming to its start, and from its being up to our knowing it. */
const WAKES_MS = 800;

/** Each request got a whole answer, a broken connection or a refusal of the router's, never a wrong one; and its answer where
 * nothing stood in the way. causeMs: null where the supervisor was killed. */
export function judgeAnswers(story: Story, record: TinyRecord, causeMs: number | null): string[] {
  return record.answers.flatMap((answer) => {
    const wrong = judgeAnswer(story, record, answer);
    if (wrong.length > 0) return wrong;
    const isDue = causeMs !== null && isServed(story, record, answer, causeMs);
    return isDue && !isAnswered(answer)
      ? [`${answer.question} got no answer, and nothing stood in its way: ${JSON.stringify(answer.gave)}`]
      : [];
  });
}

function isAnswered({ gave }: Answer): boolean {
  return typeof gave === 'object' && gave.status === 200 && gave.isWhole && gave.isRight;
}

function judgeAnswer(story: Story, { processesLeft }: TinyRecord, { question, gave }: Answer): string[] {
  if (gave === 'nothing') return [];
  // A puma that is stopped outlives a supervisor that is killed, and keeps its connections.
  if (gave === 'no end') return processesLeft.length > 0 ? [] : [`${question} waits still, though there is no dyno`];
  const { status, isWhole, isRight } = gave;
  if (status === 200) return isWhole && !isRight ? [`${question} got a wrong answer`] : [];
  if (story.mistake === 'port-taken') return [];
  if (question === 'upgrade' && isRouted(story))
    return status === 400 || status === 503 ? [] : [`upgrade got ${status}`];
  return isRouted(story) && [502, 503].includes(status) ? [] : [`${question} got ${status}`];
}

/** Puma was up and hale, and no reason to stop so near that the request could miss it. */
function isServed(story: Story, record: TinyRecord, answer: Answer, causeMs: number): boolean {
  const { question, askedAtMs } = answer;
  if (question === 'upgrade' || !isRouted(story)) return false;
  // What the guard may restart, or what it may not start at all while memory is short.
  if (story.memory !== 'off' && (question === 'stream' || story.puma.grows !== null)) return false;
  const slackMs = slackOf(record);
  const puma = livesOf(record).find((life) => life.child === 'puma' && life.is === 'leader');
  // A puma that floods a reader who stalls is blocked by it.
  if (puma?.upAtMs == null || record.done.some(({ what }) => what.do === 'stall')) return false;
  if (askedAtMs <= puma.upAtMs + slackMs || askedAtMs >= causeMs - slackMs) return false;
  const untilMs = hurtAtMs(puma) - slackMs;
  if (question !== 'stream') return askedAtMs + LONGEST_MS < untilMs;
  return askedAtMs + streamNeedsMs(story, record, answer) < Math.min(untilMs, causeMs - slackMs);
}

/** When it ended by itself, or by us, or was stopped, or told to end. */
function hurtAtMs({ ended, killedAtMs, frozenAtMs, toldAtMs }: Life): number {
  const endedAtMs = ended?.unasked ? ended.atMs : Infinity;
  return Math.min(endedAtMs, killedAtMs ?? Infinity, ...frozenAtMs, ...toldAtMs);
}

/** A stop breaks it off, so all of it must come before. Infinity where streaming is not hale or not there. */
function streamNeedsMs(story: Story, record: TinyRecord, { askedAtMs }: Answer): number {
  const { bootMs, end, behind, term } = natureOf(story, 'streaming');
  if (story.streaming === 'none' || end !== null || behind !== null) return Infinity;
  const lives = livesOf(record).filter((life) => life.child === 'streaming' && life.is === 'leader');
  if (lives.some((life) => hurtAtMs(life) < Infinity)) return Infinity;
  // Who asks while it is put to rest waits for that, and for the next start.
  const isFirst = !lives.some((life) => life.startedAtMs < askedAtMs);
  const restMs = isFirst || story.streaming === 'inline' ? 0 : term.how === 'ignore' ? Infinity : term.afterMs;
  return restMs + bootMs + WAKES_MS + STREAM_MS;
}
