import { byId, element } from './elements.ts';
import type { Happening } from '../view.ts';
import { clock, isTrouble } from './words.ts';

export const HAPPENINGS_MOST = 200;

/** What happened, the newest first. */
export function showEvents(added: readonly Happening[]): void {
  const body = byId('events');
  body.prepend(...[...added].reverse().map(row));
  while (body.children.length > HAPPENINGS_MOST) body.lastElementChild?.remove();
}

export function clearEvents(): void {
  byId('events').replaceChildren();
}

function row(happening: Happening): HTMLElement {
  const { atMs, dyno, kind, mark, text } = happening;
  const made = element('tr', `event kind-${kind}${isTrouble(happening) ? ' trouble' : ''}`);
  const what = element('td', 'what');
  what.append(element('span', 'mark', mark), ' ', text === mark ? '' : text);
  made.append(element('td', 'mono', clock(atMs)), element('td', '', dyno ?? 'all'), what);
  return made;
}
