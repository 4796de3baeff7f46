import type { Action, FloodTarget, KillSignal } from '../../action.ts';
import type { View } from '../../simulation.ts';
import { byId } from './elements.ts';
import { formatBytes, parseBytes, formatAmount } from './format.ts';

type OnAction = (action: Action) => void;
type FormValues = { form: HTMLFormElement; value: (name: string) => string };

/** The dialogs that ask for an action's details. Each sends its action when confirmed. */
export function dialogs(act: OnAction) {
  const restart = dialog('restart', ({ value }) => act({ type: 'restart', dyno: value('dyno') }));
  const kill = dialog('kill', ({ value }) =>
    act({ type: 'kill', pid: Number(value('pid')), signal: value('signal') as KillSignal }),
  );
  const flood = dialog('flood', ({ value }) =>
    act({ type: 'flood', where: value('where') as FloodTarget, bytes: parseBytes(value('amount')) ?? 0 }),
  );
  const quota = dialog('quota', ({ value }) => act({ type: 'quota', bytes: parseBytes(value('amount')) ?? 0 }));
  const quit = dialog('quit', () => act({ type: 'quit' }));
  const help = dialog('help', () => undefined);
  return {
    restart(view: View): void {
      const [first, ...more] = view.dynos.map(({ name }) => name);
      if (first !== undefined && more.length === 0) return act({ type: 'restart', dyno: first });
      setOptions(
        restart.form,
        'dyno',
        [first, ...more].filter((name) => name !== undefined).map((name) => [name, name]),
        '',
      );
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

function dialog(name: string, confirmed: (asking: FormValues) => void): { form: HTMLFormElement; open(): void } {
  const root = byId(`${name}-dialog`, HTMLDialogElement);
  const form = formOf(root);
  const value = (field: string): string => {
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
    confirmed({ form, value });
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

function setOptions(
  form: HTMLFormElement,
  name: string,
  options: readonly (readonly [string, string])[],
  chosen: string,
): void {
  const select = field(form, name);
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function processesOf({ dynos }: View): [string, string][] {
  return dynos.flatMap(({ name, runs }) =>
    runs.flatMap(({ processes }) =>
      processes.map(({ pid, label: label, bytes }): [string, string] => [
        String(pid),
        `${name}  ${label}  ${pid}  ${formatBytes(bytes)}`,
      ]),
    ),
  );
}

function formOf(root: HTMLElement): HTMLFormElement {
  const form = root.querySelector('form');
  if (form === null) throw new Error(`no form in ${root.id}`);
  return form;
}
