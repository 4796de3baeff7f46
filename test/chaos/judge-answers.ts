import { slackOf } from './causes.ts';
import { livesOf } from './lives.ts';
import type { Answer, TinyRecord } from './record.ts';
import { isRouted, type Story } from './story.ts';

/** The longest of our requests to puma. */
const LONGEST_MS = 300;

/** Each request got a whole answer, a broken connection or a refusal of the router's, never a wrong one; and its answer where
 * nothing stood in the way. causeMs: null where the supervisor was killed. */
export function judgeAnswers(story: Story, record: TinyRecord, causeMs: number | null): string[] {
  return record.answers.flatMap((answer) => {
    const wrong = judgeAnswer(story, record, answer);
    if (wrong.length > 0) return wrong;
    const isAnswered = answer.gave !== 'nothing' && answer.gave !== 'no end' && answer.gave.status < 500;
    const isDue = causeMs !== null && isServed(story, record, answer, causeMs);
    return isDue && !isAnswered
      ? [`${answer.question} got no answer, and nothing stood in its way: ${JSON.stringify(answer.gave)}`]
      : [];
  });
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
function isServed(story: Story, record: TinyRecord, { question, askedAtMs }: Answer, causeMs: number): boolean {
  if (question === 'stream' || question === 'upgrade' || !isRouted(story) || story.memory !== 'off') return false;
  const slackMs = slackOf(record);
  const puma = livesOf(record).find((life) => life.child === 'puma' && life.is === 'leader');
  if (puma?.upAtMs == null || puma.killedAtMs !== null || puma.frozenAtMs.length > 0) return false;
  const endMs = puma.ended?.unasked ? puma.ended.atMs - LONGEST_MS : Infinity;
  // A puma that floods a reader who stalls is blocked by it.
  const isBlocked = record.done.some(({ what }) => what.do === 'stall');
  const isAhead = askedAtMs < Math.min(causeMs, endMs) - slackMs;
  return !isBlocked && askedAtMs > puma.upAtMs + slackMs && isAhead;
}
