import { factsIn, type TinyRecord } from './record.ts';
import { castOf, isRouted, type Story } from './story.ts';

/** The exit code for what is wrong before anything starts; null where all is well for this dyno. */
export function expectedOfMistake(story: Story): number | null {
  const cast = castOf(story);
  switch (story.mistake) {
    case null:
      return null;
    case 'setting':
      return 78;
    case 'not-found':
      return cast.includes('puma') || cast.includes('sidekiq') ? 127 : null;
    case 'not-executable':
      return cast.includes('sidekiq') ? 126 : null;
    case 'port-taken':
      return isRouted(story) ? 78 : null;
  }
}

export function judgeMistake(story: Story, record: TinyRecord): string[] {
  const { end, ledger } = record;
  const expected = expectedOfMistake(story);
  // What is wrong with the settings is told on stderr.
  const output = story.mistake === 'setting' && story.stdout === 'socket' ? record.apart : record.output;
  return [
    ...(end.code === expected ? [] : [`exit code ${end.code ?? end.signal ?? '?'}, expected ${String(expected)}`]),
    ...(ledger.length === 0 ? [] : [`${ledger[0]?.name ?? '?'} was started in spite of a mistake`]),
    ...(output.trim() === '' && isLost(story, record) ? [] : judgeLastLine(output, expected)),
  ];
}

/** Nobody read it, or a relay was killed with it. */
function isLost({ stdout }: Story, { reader, done }: TinyRecord): boolean {
  const isRead = stdout === 'file' || reader === 'reads';
  return !isRead || done.some(({ what }) => what.do === 'kill' && what.whom === 'relay');
}

/** An outcome, or, of wrong settings, a line in plain words. */
function judgeLastLine(output: string, expected: number | null): string[] {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  if (line.endsWith(`exit code ${String(expected)}`)) return [];
  const last = factsIn(line)[0];
  const isTrue = last?.fact === 'outcome' && last.code === expected;
  return isTrue ? [] : [`the last line does not tell of exit code ${String(expected)}: ${line.slice(0, 200)}`];
}
