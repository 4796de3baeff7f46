import type { Action, FloodTarget, KillSignal, LogPace } from '../../action.ts';
import type { View } from '../../simulation.ts';
import type { SendAction } from './connection.ts';
import { byId, requireElement } from './elements.ts';
import { formatAmount, formatBytes, parseBytes, shortcutOf } from './format.ts';

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
    if (document.querySelector('dialog[open]') !== null) return;
    const { key, ctrlKey, altKey, metaKey, repeat } = press;
    const id = shortcutOf({ key, ctrlKey, altKey, metaKey, repeat, target: placeOf(press) });
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

function placeOf({ target }: KeyboardEvent): string {
  // A field of a dialog that just closed may keep the focus until the next frame.
  if (target instanceof Element && target.closest('dialog:not([open])') !== null) return '';
  if (target instanceof HTMLInputElement) return `input ${target.type}`;
  if (target instanceof HTMLElement && target.isContentEditable) return 'editable';
  return target instanceof Element ? target.tagName.toLowerCase() : '';
}

type FormValue = (field: string) => string;

/** The dialogs that ask for an action's details. Each sends its action when confirmed. */
export function dialogs(act: (action: Action) => void) {
  const restart = dialog('restart', (value) => act({ type: 'restart', dyno: value('dyno') }));
  const kill = dialog('kill', (value) =>
    act({ type: 'kill', pid: Number(value('pid')), signal: value('signal') as KillSignal }),
  );
  const flood = dialog('flood', (value) =>
    act({ type: 'flood', where: value('where') as FloodTarget, bytes: parseBytes(value('amount')) ?? 0 }),
  );
  const quota = dialog('quota', (value) => act({ type: 'quota', bytes: parseBytes(value('amount')) ?? 0 }));
  const quit = dialog('quit', () => act({ type: 'quit' }));
  const help = dialog('help', () => undefined);
  return {
    restart(view: View): void {
      const [first, ...others] = view.dynos;
      if (first !== undefined && others.length === 0) return act({ type: 'restart', dyno: first.name });
      const options = view.dynos.map(({ name }) => [name, name] as const);
      setOptions(restart.form, 'dyno', options, '');
      restart.open();
    },
    kill(view: View, pid: number | null): void {
      setOptions(kill.form, 'pid', processesOf(view), String(pid ?? ''));
      kill.open();
    },
    flood: () => flood.open(),
    quota(view: View): void {
      field(quota.form, 'amount').value = formatAmount(view.dynos[0]?.quotaBytes ?? 0);
      quota.open();
    },
    quit: () => quit.open(),
    help: () => help.open(),
  };
}

function dialog(name: string, confirmed: (value: FormValue) => void): { form: HTMLFormElement; open(): void } {
  const root = byId(`${name}-dialog`, HTMLDialogElement);
  const form = requireElement(root.querySelector('form'), `form in #${root.id}`, HTMLFormElement);
  const value: FormValue = (field) => {
    const given = new FormData(form).get(field);
    return typeof given === 'string' ? given : '';
  };
  const amountField = form.querySelector<HTMLInputElement>('input[name="amount"]');
  amountField?.addEventListener('input', () => checkAmount(amountField));
  for (const preset of form.querySelectorAll<HTMLButtonElement>('[data-preset]'))
    preset.addEventListener('click', () => {
      if (amountField === null) return;
      amountField.value = preset.dataset.preset ?? '';
      checkAmount(amountField);
    });
  form.querySelector('[data-cancel]')?.addEventListener('click', () => root.close());
  // Enter submits, as in other fields.
  form.addEventListener('keydown', ({ key, target }) => {
    if (key === 'Enter' && target instanceof HTMLSelectElement) form.requestSubmit();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    root.close();
    confirmed(value);
  });
  return {
    form,
    open() {
      if (amountField !== null) checkAmount(amountField);
      if (!root.open) root.showModal();
      amountField?.select();
    },
  };
}

function checkAmount(field: HTMLInputElement): void {
  field.setCustomValidity(parseBytes(field.value) === null ? 'An amount like 512M or 1.5G' : '');
}

function field(form: HTMLFormElement, name: string): HTMLInputElement | HTMLSelectElement {
  return form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
}

type SelectOption = readonly [value: string, text: string];

function setOptions(form: HTMLFormElement, name: string, options: readonly SelectOption[], chosen: string): void {
  const select = field(form, name);
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function processesOf({ dynos }: View): SelectOption[] {
  return dynos.flatMap(({ name, runs }) =>
    runs.flatMap(({ processes }) =>
      processes.map(({ pid, label, bytes }) => [`${pid}`, `${name}  ${label}  ${pid}  ${formatBytes(bytes)}`] as const),
    ),
  );
}
