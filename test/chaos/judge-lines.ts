import { judgeFlood } from './judge-flood.ts';
import type { TinyRecord } from './record.ts';
import { castOf, type Story } from './story.ts';

/** With a prefix a line that a child has begun stands by itself, whole where the child lived to write the rest, and is never lost;
 * where somebody read all that came. */
export function judgeLines(story: Story, record: TinyRecord): string[] {
  const { done, ledger, output } = record;
  const isCut = done.some(({ what }) => what.do === 'stall' || what.do === 'close' || isOfRelay(what));
  if (!story.hasPrefix || isCut) return [];
  const lines = output.split('\n').filter((line) => line.includes('half of a line'));
  const wrong = lines.filter((line) => !/^(\w+) \| \1 half of a line( and the rest)?$/.test(line));
  return [
    ...wrong.map((line) => `a line that is no line of one child: ${line.slice(0, 200)}`),
    ...castOf(story).flatMap((child) => {
      const own = lines.filter((line) => line.includes(`${child} half of a line`));
      const told = (word: string): number => ledger.filter(({ name, what }) => name === child && what === word).length;
      const whole = own.filter((line) => line.endsWith(' and the rest'));
      return [
        ...(own.length < told('half') ? [`the first half of a line of ${child} was lost`] : []),
        ...(whole.length < told('rest') ? [`the rest of a line of ${child} was lost`] : []),
      ];
    }),
    ...judgeFlood(story, record),
  ];
}

function isOfRelay(what: TinyRecord['done'][number]['what']): boolean {
  return what.do === 'kill' && what.whom === 'relay';
}
