import type { LogPace } from '../../action.ts';
import type { View } from '../../simulation.ts';
import type { SendAction } from './connection.ts';
import type { dialogs } from './dialogs.ts';
import { byId } from './elements.ts';
import { shortcutOf } from './format.ts';

const PACES: readonly LogPace[] = ['full', 'slow', 'stalled'];

/** The buttons and their keyboard shortcuts. */
export function toolbar(act: SendAction, questions: ReturnType<typeof dialogs>, view: () => View | null): void {
  const onClick = (id: string, call: (view: View) => void): void =>
    byId(id).addEventListener('click', () => {
      const shownView = view();
      if (shownView !== null) call(shownView);
    });
  onClick('deploy', () => void act({ type: 'deploy' }));
  onClick('restart', (shownView) => questions.restart(shownView));
  onClick('kill', (shownView) => questions.kill(shownView, null));
  onClick('flood', () => questions.flood());
  onClick('quota', (shownView) => questions.quota(shownView));
  onClick('open-stream', () => void act({ type: 'open-stream' }));
  onClick('close-stream', () => void act({ type: 'close-stream' }));
  onClick('quit', () => questions.quit());
  byId('help').addEventListener('click', () => questions.help());
  byId('log-readers').addEventListener('change', ({ target }) => {
    const pace = PACES.find((name) => target instanceof HTMLInputElement && target.value === name);
    if (pace !== undefined) void act({ type: 'log-reader', pace });
  });
  document.addEventListener('keydown', (press) => {
    const id =
      document.querySelector('dialog[open]') === null
        ? shortcutOf({ ...modifiersOf(press), target: placeOf(press) })
        : null;
    if (id === null) return;
    press.preventDefault();
    if (id === 'filter') byId('filter').focus();
    else if (id === 'log-reader') selectNextPace(view());
    else byId(id).click();
  });
}

export function showReader({ logReader }: View): void {
  const radio = document.querySelector<HTMLInputElement>(`#log-readers [value="${logReader}"]`);
  if (radio !== null && !radio.checked) radio.checked = true;
}

function selectNextPace(view: View | null): void {
  if (view === null) return;
  const pace = PACES[(PACES.indexOf(view.logReader) + 1) % PACES.length] ?? 'full';
  document.querySelector<HTMLInputElement>(`#log-readers [value="${pace}"]`)?.click();
}

function modifiersOf({ key, ctrlKey, altKey, metaKey, repeat }: KeyboardEvent) {
  return { key, ctrlKey, altKey, metaKey, repeat };
}

function placeOf({ target }: KeyboardEvent): string {
  // A field of a dialog that just closed may keep the focus until the next frame.
  if (target instanceof Element && target.closest('dialog:not([open])') !== null) return '';
  if (target instanceof HTMLInputElement) return `input ${target.type}`;
  if (target instanceof HTMLElement && target.isContentEditable) return 'editable';
  return target instanceof Element ? target.tagName.toLowerCase() : '';
}
