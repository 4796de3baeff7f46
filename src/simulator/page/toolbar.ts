import type { Act } from './act.ts';
import type { dialogs } from './dialogs.ts';
import { byId } from './elements.ts';
import { shortcutOf } from './shortcuts.ts';
import type { LogPace, View } from '../view.ts';

const PACES: readonly LogPace[] = ['full', 'slow', 'stalled'];

/** The buttons, and the keys that do the same. */
export function toolbar(act: Act, ask: ReturnType<typeof dialogs>, view: () => View | null): void {
  const onClick = (id: string, call: (view: View) => void): void =>
    byId(id).addEventListener('click', () => {
      const seen = view();
      if (seen !== null) call(seen);
    });
  onClick('deploy', () => void act({ do: 'deploy' }));
  onClick('restart', (seen) => ask.restart(seen));
  onClick('kill', (seen) => ask.kill(seen, null));
  onClick('flood', () => ask.flood());
  onClick('quota', (seen) => ask.quota(seen));
  onClick('open-stream', () => void act({ do: 'open-stream' }));
  onClick('close-stream', () => void act({ do: 'close-stream' }));
  onClick('quit', () => ask.quit());
  byId('help').addEventListener('click', () => ask.help());
  byId('log-readers').addEventListener('change', ({ target }) => {
    const pace = PACES.find((name) => target instanceof HTMLInputElement && target.value === name);
    if (pace !== undefined) void act({ do: 'log-reader', pace });
  });
  document.addEventListener('keydown', (press) => {
    const id =
      document.querySelector('dialog[open]') === null
        ? shortcutOf({ ...modifiersOf(press), into: placeOf(press) })
        : null;
    if (id === null) return;
    press.preventDefault();
    if (id === 'filter') byId('filter').focus();
    else if (id === 'log-reader') readerInTurn(view());
    else byId(id).click();
  });
}

export function showReader({ logReader }: View): void {
  const radio = document.querySelector<HTMLInputElement>(`#log-readers [value="${logReader}"]`);
  if (radio !== null && !radio.checked) radio.checked = true;
}

function readerInTurn(view: View | null): void {
  if (view === null) return;
  const pace = PACES[(PACES.indexOf(view.logReader) + 1) % PACES.length] ?? 'full';
  document.querySelector<HTMLInputElement>(`#log-readers [value="${pace}"]`)?.click();
}

function modifiersOf({ key, ctrlKey, altKey, metaKey, repeat }: KeyboardEvent) {
  return { key, ctrlKey, altKey, metaKey, repeat };
}

function placeOf({ target }: KeyboardEvent): string {
  // A field of a dialog that has just closed may keep the focus until the next frame.
  if (target instanceof Element && target.closest('dialog:not([open])') !== null) return '';
  if (target instanceof HTMLInputElement) return `input ${target.type}`;
  if (target instanceof HTMLElement && target.isContentEditable) return 'editable';
  return target instanceof Element ? target.tagName.toLowerCase() : '';
}
