import type { DynoView, ProcessView, RunView } from '../../simulation.ts';
import { cloneTemplate, KeyedList, part, setText } from './elements.ts';
import { formatBytes, formatDuration, describeRun, formatShare, shortTitle, describeCrashes } from './format.ts';
import { MemoryPlot, type Timeline } from './memory-plot.ts';
import { colourName } from './plot-drawing.ts';

type AskToKill = (pid: number) => void;
type DynoActions = { kill: AskToKill; restart(dyno: string): void };

/** The card of one dyno: its state, memory over time and processes. */
export class DynoCard {
  readonly root = cloneTemplate('dyno-template');
  readonly #name: string;
  readonly #timeline: Timeline;
  readonly #plot: MemoryPlot;
  /** The process tree of each run, one below the other. */
  readonly #runs: KeyedList<RunRow, ReturnType<typeof runPart>>;

  constructor(name: string, timeline: Timeline, actions: DynoActions) {
    this.#name = name;
    this.#timeline = timeline;
    this.root.id = `dyno-${name}`;
    this.root.setAttribute('aria-label', name);
    setText(part(this.root, 'name'), name);
    const restart = part(this.root, 'restart', HTMLButtonElement);
    restart.setAttribute('aria-label', `Restart ${name}`);
    restart.addEventListener('click', () => actions.restart(name));
    const table = part(this.root, 'processes');
    this.#runs = new KeyedList(table, () => runPart(actions.kill), table.children.length);
    this.#plot = new MemoryPlot(name, part(this.root, 'plot'), part(this.root, 'legend'));
  }

  show(dyno: DynoView): void {
    const { state, sinceMs, quotaBytes, runs } = dyno;
    const bytes = runs[0]?.bytes ?? null;
    this.#setText('state', state);
    part(this.root, 'state').dataset.state = state.replace(' ', '-');
    this.#setText('since', `for ${formatDuration(this.#timeline.nowMs - sinceMs)}`);
    this.#setText('trouble', describeCrashes(dyno, this.#timeline.nowMs));
    this.#setText('bytes', formatBytes(bytes));
    this.#setText('quota', formatBytes(quotaBytes));
    this.#setText('share', formatShare(bytes, quotaBytes));
    part(this.root, 'share').dataset.level = level(bytes, quotaBytes);
    this.#runs.show(runs.map((run, at) => [String(run.id), { run, isFirst: at === 0, quotaBytes }]));
    part(this.root, 'no-processes').hidden = runs.length > 0;
    const what = `Memory of ${this.#name} over time, now ${formatBytes(bytes)} of ${formatBytes(quotaBytes)}`;
    part(this.root, 'plot').setAttribute('aria-label', what);
  }

  drawPlot(): void {
    this.#plot.draw(this.#timeline);
  }

  /** Redraws in the current colours. */
  repaint(): void {
    this.#plot.repaint();
    this.drawPlot();
  }

  remove(): void {
    this.#plot.remove();
  }

  #setText(name: string, text: string): void {
    setText(part(this.root, name), text);
  }
}

function level(bytes: number | null, quotaBytes: number): string {
  const used = (bytes ?? 0) / quotaBytes;
  if (used >= 1) return 'over';
  return used >= 0.9 ? 'near' : 'fine';
}

type RunRow = { run: RunView; isFirst: boolean; quotaBytes: number };
type ProcessRow = { one: ProcessView; quotaBytes: number };

function runPart(kill: AskToKill): { root: HTMLElement; show(row: RunRow): void } {
  const root = cloneTemplate('run-template');
  const processes = new KeyedList(root, ({ one }: ProcessRow) => processPart(one.pid, kill), 1);
  return {
    root,
    show({ run, isFirst, quotaBytes }) {
      root.dataset.phase = run.phase;
      setText(part(root, 'run'), `${describeRun(run, isFirst)}, ${formatBytes(run.bytes)}`);
      processes.show(run.processes.map((one) => [String(one.pid), { one, quotaBytes }]));
    },
  };
}

function processPart(pid: number, kill: AskToKill): { root: HTMLElement; show(row: ProcessRow): void } {
  const root = cloneTemplate('process-template');
  const button = part(root, 'kill', HTMLButtonElement);
  button.addEventListener('click', () => kill(pid));
  setText(part(root, 'pid'), String(pid));
  return {
    root,
    show({ one: { label, title, depth, bytes }, quotaBytes }) {
      setText(part(root, 'label'), label);
      setText(part(root, 'title'), shortTitle(title));
      part(root, 'title').title = title;
      setText(part(root, 'bytes'), formatBytes(bytes));
      button.setAttribute('aria-label', `Kill ${label}, pid ${pid}`);
      const colour = `swatch of-${colourName(label)}`;
      if (part(root, 'swatch').className !== colour) part(root, 'swatch').className = colour;
      part(root, 'bar').className = colour.replace('swatch', 'filled');
      part(root, 'bar').style.width = `${Math.min(100, ((bytes ?? 0) / quotaBytes) * 100)}%`;
      root.style.setProperty('--depth', String(Math.min(depth, 6)));
    },
  };
}
