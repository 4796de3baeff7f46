import { copyOf, Keyed, part, setText } from './elements.ts';
import { colourName } from './theme.ts';
import type { ProcessView, RunView } from '../view.ts';
import { amount, runText, shortTitle } from './words.ts';

export type AskToKill = (pid: number) => void;
type RunRow = { run: RunView; isFirst: boolean; quotaBytes: number };
type ProcessRow = { one: ProcessView; quotaBytes: number };

/** The process trees of a dyno, one below the other. */
export function processTrees(table: HTMLElement, kill: AskToKill): (rows: readonly RunRow[]) => void {
  const first = table.children.length;
  const runs = new Keyed(table, () => runPart(kill), first);
  return (rows) => runs.show(rows.map((row) => [String(row.run.id), row]));
}

function runPart(kill: AskToKill): { root: HTMLElement; show(row: RunRow): void } {
  const root = copyOf('run-template');
  const processes = new Keyed(root, ({ one }: ProcessRow) => processPart(one.pid, kill), 1);
  return {
    root,
    show({ run, isFirst, quotaBytes }) {
      root.dataset.phase = run.phase;
      setText(part(root, 'run'), `${runText(run, isFirst)}, ${amount(run.bytes)}`);
      processes.show(run.processes.map((one) => [String(one.pid), { one, quotaBytes }]));
    },
  };
}

function processPart(pid: number, kill: AskToKill): { root: HTMLElement; show(row: ProcessRow): void } {
  const root = copyOf('process-template');
  const button = part(root, 'kill', HTMLButtonElement);
  button.addEventListener('click', () => kill(pid));
  setText(part(root, 'pid'), String(pid));
  return {
    root,
    show({ one: { label, title, depth, bytes }, quotaBytes }) {
      setText(part(root, 'label'), label);
      setText(part(root, 'title'), shortTitle(title));
      part(root, 'title').title = title;
      setText(part(root, 'bytes'), amount(bytes));
      button.setAttribute('aria-label', `Kill ${label}, pid ${pid}`);
      const colour = `swatch of-${colourName(label)}`;
      if (part(root, 'swatch').className !== colour) part(root, 'swatch').className = colour;
      part(root, 'bar').className = colour.replace('swatch', 'filled');
      part(root, 'bar').style.width = `${Math.min(100, ((bytes ?? 0) / quotaBytes) * 100)}%`;
      root.style.setProperty('--depth', String(Math.min(depth, 6)));
    },
  };
}
