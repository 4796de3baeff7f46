import { factsIn, type TinyRecord } from './record.ts';
import { castOf, natureOf, type ChildName, type Story } from './story.ts';

const DROPPED = /^mstdn-supervise: (\d+) log lines were dropped here/;
const DOTS = 60;

/** The lines of a flood are numbered from the top down: with a prefix each stands by itself, and none is missing or comes twice, but
 * where the log says that lines were dropped. How far a child came is not known: the last ones may be missing. */
export function judgeFlood(story: Story, { ledger, output }: TinyRecord): string[] {
  const lines = output.split('\n');
  const wrong = lines.filter((line) => isOfFlood(line) && !/^(\w+) \| \1 line \d+ \.{0,60}$/.test(line));
  return [
    ...wrong.slice(0, 1).map((line) => `a line that is no line of one child: ${line.slice(0, 200)}`),
    ...castOf(story).flatMap((child) => {
      const { term, lines: top } = natureOf(story, child);
      const count = (what: string): number => ledger.filter((one) => one.name === child && one.what === what).length;
      // What interrupts a write that waits, and ends nobody, makes the child forget a line.
      const forgotten = count('TSTP') + (term.how === 'ignore' ? count('TERM') : 0);
      return judgeNumbers(child, numbersIn(lines, child), { top, ups: count('up'), forgotten });
    }),
  ];
}

function isOfFlood(line: string): boolean {
  return / line \d+ /.test(line) && factsIn(line).length === 0;
}

/** dropped: how many lines are said to be missing right before this one. */
type Numbered = { number: number; isWhole: boolean; dropped: number };

function numbersIn(lines: readonly string[], child: ChildName): Numbered[] {
  const own = new RegExp(`^${child} \\| ${child} line (\\d+) (\\.*)$`);
  let dropped = 0;
  return lines.flatMap((line) => {
    dropped += Number(DROPPED.exec(line)?.[1] ?? 0);
    const [, number, dots = ''] = own.exec(line) ?? [];
    if (number === undefined) return [];
    const found = { number: Number(number), isWhole: dots.length === DOTS, dropped };
    dropped = 0;
    return [found];
  });
}

/** Once from the top for each time that it was up. A line may be cut where it was the last. */
function judgeNumbers(
  child: ChildName,
  numbered: readonly Numbered[],
  { top, ups, forgotten }: { top: number; ups: number; forgotten: number },
): string[] {
  const before = (at: number): number => numbered[at - 1]?.number ?? 0;
  const isFirst = ({ number }: Numbered, at: number): boolean => number >= before(at);
  const holes = numbered.map((one, at) => (isFirst(one, at) ? top + 1 : before(at)) - one.number - 1);
  const missing = holes.filter((hole, at) => hole > (numbered[at]?.dropped ?? 0));
  const lost = missing.reduce((sum, hole) => sum + hole, 0);
  const cut = numbered.filter((one, at) => !isFirst(one, at) && numbered[at - 1]?.isWhole === false);
  return [
    ...(lost > forgotten ? [`${lost} lines of ${child} are missing, and nothing says so`] : []),
    ...(cut.length > 0 ? [`a line of ${child} was cut, and it went on`] : []),
    ...(numbered.filter(isFirst).length > ups ? [`a line of ${child} came twice`] : []),
  ];
}
