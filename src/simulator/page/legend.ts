import { element, setText } from './elements.ts';
import type { PlotData } from './plot-data.ts';
import { colourName } from './theme.ts';
import { amount, clock } from './words.ts';

type Entry = { name: string; className: string; bytes: number | null };

/** What the colours mean, with the amounts under the pointer, else the last ones. */
export function legend(root: HTMLElement): { show(data: PlotData, at: number | null): void } {
  let shown = '';
  return {
    show(data, at) {
      const entries = entriesAt(data, at ?? data.timesMs.length - 1);
      const names = entries.map(({ name }) => name).join();
      if (names !== shown) root.replaceChildren(...entries.map(entryElement), element('span', 'legend-time'));
      shown = names;
      entries.forEach(({ bytes }, place) => {
        const value = root.children[place]?.lastElementChild;
        if (value instanceof HTMLElement) setText(value, amount(bytes));
      });
      const time = root.lastElementChild;
      if (time instanceof HTMLElement) setText(time, at === null ? '' : `at ${clock(data.timesMs[at] ?? 0)}`);
    },
  };
}

/** Those that were there at some time shown, the top of the stack first. */
function entriesAt({ labels, stacked, total, draining }: PlotData, at: number): Entry[] {
  const own = labels.map((label, place): Entry => {
    const upTo = stacked[place]?.[at] ?? null;
    const below = place === 0 ? 0 : (stacked[place - 1]?.[at] ?? 0);
    return {
      name: label,
      className: `swatch of-${colourName(label)}`,
      bytes: upTo === null ? null : upTo - below || null,
    };
  });
  const drains = draining.some((bytes) => bytes !== null);
  return [
    ...own.reverse(),
    { name: 'total', className: 'swatch line-total', bytes: total[at] ?? null },
    ...(drains ? [{ name: 'draining', className: 'swatch line-draining', bytes: draining[at] ?? null }] : []),
  ];
}

function entryElement({ name, className }: Entry): HTMLElement {
  const entry = element('span', 'legend-entry');
  entry.append(element('i', className), `${name} `, element('b', ''));
  return entry;
}
