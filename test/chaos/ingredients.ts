import { canStep } from './dyno-env.ts';
import type { RealStory } from './real-story.ts';
import { castOf, natureOf, type Nature, type Story } from './story.ts';

/** What a story is made of, in words that can be counted. */
export function ingredientsOf(story: Story | RealStory): string[] {
  return 'puma' in story ? ofTiny(story) : ofReal(story);
}

function ofTiny(story: Story): string[] {
  const { role, streaming, stdout, tmp, memory, mistake, happenings } = story;
  const growing = castOf(story).some((child) => natureOf(story, child).grows !== null);
  return [
    `role ${role}`,
    `stdout to a ${stdout}`,
    ...(role === 'web' ? settingsOfWeb(story) : []),
    ...(streaming === 'none' || role === 'worker' ? [] : [`streaming ${streaming}`]),
    ...(tmp === 'there' ? [] : [`tmp ${tmp}`]),
    ...(memory === 'off' ? [] : [`guard that can ${memory}, ${growing ? 'and a child that grows' : 'nothing grows'}`]),
    ...(mistake === null ? [] : [`mistake ${mistake}`]),
    ...yes({ 'cores taken': story.isBusy, 'log with prefix': story.hasPrefix, 'sidekiq waits': story.waits }),
    // Without libfaketime none is played.
    ...yes({ 'steps dropped': !canStep && happenings.some(({ what }) => what.do === 'step') }),
    ...castOf(story).flatMap((child) => ofNature(natureOf(story, child))),
  ];
}

function settingsOfWeb({ hasWorker, hasRouter }: Story): string[] {
  return yes({ 'with sidekiq': hasWorker, 'with the router asked for': hasRouter });
}

function ofNature({ bootMs, term, end, daemon, behind, lines, stalls }: Nature): string[] {
  return [
    ...(end === null ? [] : [`child that ends by itself (${end.how === 'exit' ? end.code : end.signal})`]),
    ...(daemon === null ? [] : [`child with a daemon (${daemon.kind})`]),
    ...(behind === null ? [] : [`child behind a ${behind === 'script' ? 'script' : 'session'}`]),
    ...yes({
      'child that ignores TERM': term.how === 'ignore',
      'child too slow for its budget': term.how !== 'ignore' && term.afterMs > 1500,
      'child that floods': lines > 1000,
      'child that stalls in the midst of a line': stalls !== null,
      'child that boots slowly': bootMs > 500,
    }),
  ];
}

function ofReal({ role, isRails, hasCluster, hasRouter, hasPrefix, isBusy, waits }: RealStory): string[] {
  return [
    `real ${role}`,
    ...yes({ 'real Rails': isRails, 'real puma cluster': hasCluster, 'real parts behind the router': hasRouter }),
    ...yes({ 'log with prefix': hasPrefix, 'cores taken': isBusy, 'sidekiq waits': waits }),
  ];
}

function yes(which: { [words: string]: boolean }): string[] {
  return Object.keys(which).filter((words) => which[words]);
}
