import { endsWithItsTime, firstOf, slackOf, type Cause, type Moment } from './causes.ts';
import { isFirst, wasKilledByDyno, type Life } from './lives.ts';
import { factsIn, isUnread, type TinyRecord } from './record.ts';
import { whoMayRest } from './resting.ts';
import type { Story } from './story.ts';

/** The log's last line tells the true cause, and with it the exit code and who had to be killed. */
export function judgeLastLine(
  story: Story,
  record: TinyRecord,
  lives: readonly Life[],
  possible: readonly Cause[],
): string[] {
  if (isLost(story, record)) return [];
  const line = record.output.trimEnd().split('\n').at(-1) ?? '';
  const last = factsIn(line)[0];
  if (last?.fact !== 'outcome') return [`the last line is no outcome: ${line.slice(0, 200)}`];
  const said = String(last.msg);
  return [
    ...(possible.some((cause) => tells(last, cause)) ? [] : [`the last line tells another cause: ${said}`]),
    ...(last.code === record.end.code && said.endsWith(`; exit code ${String(record.end.code)}`)
      ? []
      : [`the last line tells another exit code than ${String(record.end.code)}: ${said}`]),
    ...judgeKilled(story, record, said, lives, firstOf(possible)),
  ];
}

/** Nobody read it, or the relay that had it was killed with it. */
function isLost(story: Story, record: TinyRecord): boolean {
  const { reader, done, endedAtMs } = record;
  if (isUnread(story, record) || (story.stdout !== 'file' && reader === 'closed')) return true;
  const slackMs = slackOf(record);
  return done.some(({ what, atMs }) => what.do === 'kill' && what.whom === 'relay' && atMs > endedAtMs - slackMs - 100);
}

function tells(last: { [field: string]: unknown }, cause: Cause): boolean {
  const said = String(last.msg);
  switch (cause.kind) {
    case 'signal':
      return (
        last.cause === 'signal' && last.signal === cause.signal && said.startsWith(`asked to stop by ${cause.signal};`)
      );
    case 'child':
      return last.cause === 'child-exited' && last.child === cause.child && said.startsWith(`${cause.child} `);
    case 'memory':
      return last.cause === 'memory';
  }
}

/** Names each child that had to be killed, and none that had not; of those that may rest, it may be for another reason. */
function judgeKilled(story: Story, record: TinyRecord, said: string, lives: readonly Life[], stop: Moment): string[] {
  const resting = whoMayRest(story, record, lives, stop);
  const leaders = lives.filter((life) => life.is === 'leader' && !resting.has(life));
  const names = new Set(leaders.map(({ child }) => child));
  const part = said.split('; ').find((one) => one.includes('had to be killed')) ?? '';
  return [...names].flatMap((name) => {
    const was = leaders.some((life) => life.child === name && wasKilledByDyno(life));
    const isNamed = new RegExp(`(^|, |and )${name}\\b(?! \\()`).test(part);
    const mayBe = (life: Life): boolean =>
      life.killedAtMs !== null ||
      (isFirst(life) && endsWithItsTime(life, stop, record)) ||
      (resting.has(life) && wasKilledByDyno(life));
    if (was === isNamed || lives.some((life) => life.child === name && mayBe(life))) return [];
    return [`${name} ${was ? 'was killed' : 'was not killed'}, and the last line says: ${said}`];
  });
}
