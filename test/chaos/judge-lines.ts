import type { TinyRecord } from './record.ts';
import type { Story } from './story.ts';

/** With a prefix a line that a child has begun stands by itself, whole where the child lived to write the rest, and is never lost;
 * where somebody read all that came. */
export function judgeLines({ hasPrefix }: Story, { done, ledger, output }: TinyRecord): string[] {
  const isCut = done.some(({ what }) => what.do === 'stall' || what.do === 'close' || isOfRelay(what));
  if (!hasPrefix || isCut) return [];
  const lines = output.split('\n').filter((line) => line.includes('half of a line'));
  const told = (word: string): number => ledger.filter(({ what }) => what === word).length;
  const wrong = lines.filter((line) => !/^(\w+) \| \1 half of a line( and the rest)?$/.test(line));
  const whole = lines.filter((line) => line.endsWith(' and the rest'));
  return [
    ...wrong.map((line) => `a line that is no line of one child: ${line.slice(0, 200)}`),
    ...(lines.length < told('half') ? ['the first half of a line was lost'] : []),
    ...(whole.length < told('rest') ? ['the rest of a line was lost'] : []),
  ];
}

function isOfRelay(what: TinyRecord['done'][number]['what']): boolean {
  return what.do === 'kill' && what.whom === 'relay';
}
