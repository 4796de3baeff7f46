import type { Action, FloodTarget, KillSignal } from '../action.ts';
import { bytesOf, typed } from './amounts.ts';
import { byId } from './elements.ts';
import type { View } from '../view.ts';
import { amount } from './words.ts';

type Ask = (action: Action) => void;
type Asking = { form: HTMLFormElement; value: (name: string) => string };

/** The questions before an action; each sends it once it is answered. */
export function dialogs(act: Ask) {
  const restart = dialog('restart', ({ value }) => act({ do: 'restart', dyno: value('dyno') }));
  const kill = dialog('kill', ({ value }) =>
    act({ do: 'kill', pid: Number(value('pid')), signal: value('signal') as KillSignal }),
  );
  const flood = dialog('flood', ({ value }) =>
    act({ do: 'flood', where: value('where') as FloodTarget, bytes: bytesOf(value('amount')) ?? 0 }),
  );
  const quota = dialog('quota', ({ value }) => act({ do: 'quota', bytes: bytesOf(value('amount')) ?? 0 }));
  const quit = dialog('quit', () => act({ do: 'quit' }));
  const help = dialog('help', () => undefined);
  return {
    restart(view: View): void {
      const [first, ...more] = view.dynos.map(({ name }) => name);
      if (first !== undefined && more.length === 0) return act({ do: 'restart', dyno: first });
      offer(
        restart.form,
        'dyno',
        [first, ...more].filter((name) => name !== undefined).map((name) => [name, name]),
        '',
      );
      restart.open();
    },
    kill(view: View, pid: number | null): void {
      offer(kill.form, 'pid', processesOf(view), String(pid ?? ''));
      kill.open();
    },
    flood: () => flood.open(),
    quota(view: View): void {
      control(quota.form, 'amount').value = typed(view.dynos[0]?.quotaBytes ?? 0);
      quota.open();
    },
    quit: () => quit.open(),
    help: () => help.open(),
  };
}

function dialog(name: string, confirmed: (asking: Asking) => void): { form: HTMLFormElement; open(): void } {
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
  // As it is in every other field.
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
  field.setCustomValidity(bytesOf(field.value) === null ? 'An amount like 512M or 1.5G' : '');
}

function control(form: HTMLFormElement, name: string): HTMLInputElement | HTMLSelectElement {
  return form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
}

function offer(
  form: HTMLFormElement,
  name: string,
  options: readonly (readonly [string, string])[],
  chosen: string,
): void {
  const select = control(form, name);
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function processesOf({ dynos }: View): [string, string][] {
  return dynos.flatMap(({ name, runs }) =>
    runs.flatMap(({ processes }) =>
      processes.map(({ pid, label, bytes }): [string, string] => [
        String(pid),
        `${name}  ${label}  ${pid}  ${amount(bytes)}`,
      ]),
    ),
  );
}

function formOf(root: HTMLElement): HTMLFormElement {
  const form = root.querySelector('form');
  if (form === null) throw new Error(`no form in ${root.id}`);
  return form;
}
