import { copyOf, part, setText } from './elements.ts';
import { MemoryPlot, type Timeline } from './memory-plot.ts';
import { processTrees, type AskToKill } from './processes.ts';
import type { DynoView } from '../view.ts';
import { amount, duration, share, troubles } from './words.ts';

export type DynoActs = { kill: AskToKill; restart(dyno: string): void };

/** One dyno: its state, its memory over time, its processes. */
export class DynoCard {
  readonly root = copyOf('dyno-template');
  readonly #name: string;
  readonly #timeline: Timeline;
  readonly #plot: MemoryPlot;
  readonly #trees: ReturnType<typeof processTrees>;

  constructor(name: string, timeline: Timeline, acts: DynoActs) {
    this.#name = name;
    this.#timeline = timeline;
    this.root.id = `dyno-${name}`;
    this.root.setAttribute('aria-label', name);
    setText(part(this.root, 'name'), name);
    const restart = part(this.root, 'restart', HTMLButtonElement);
    restart.setAttribute('aria-label', `Restart ${name}`);
    restart.addEventListener('click', () => acts.restart(name));
    this.#trees = processTrees(part(this.root, 'processes'), acts.kill);
    this.#plot = new MemoryPlot(name, part(this.root, 'plot'), part(this.root, 'legend'));
  }

  show(dyno: DynoView): void {
    const { state, sinceMs, quotaBytes, runs } = dyno;
    const bytes = runs[0]?.bytes ?? null;
    this.#say('state', state);
    part(this.root, 'state').dataset.state = state.replace(' ', '-');
    this.#say('since', `for ${duration(this.#timeline.nowMs - sinceMs)}`);
    this.#say('trouble', troubles(dyno, this.#timeline.nowMs));
    this.#say('bytes', amount(bytes));
    this.#say('quota', amount(quotaBytes));
    this.#say('share', share(bytes, quotaBytes));
    part(this.root, 'share').dataset.level = level(bytes, quotaBytes);
    this.#trees(runs.map((run, at) => ({ run, isFirst: at === 0, quotaBytes })));
    part(this.root, 'no-processes').hidden = runs.length > 0;
    const what = `Memory of ${this.#name} over time, now ${amount(bytes)} of ${amount(quotaBytes)}`;
    part(this.root, 'plot').setAttribute('aria-label', what);
  }

  drawPlot(): void {
    this.#plot.draw(this.#timeline);
  }

  /** In the colours of now. */
  repaint(): void {
    this.#plot.repaint();
    this.drawPlot();
  }

  leave(): void {
    this.#plot.remove();
  }

  #say(name: string, text: string): void {
    setText(part(this.root, name), text);
  }
}

function level(bytes: number | null, quotaBytes: number): string {
  const used = (bytes ?? 0) / quotaBytes;
  if (used >= 1) return 'over';
  return used >= 0.9 ? 'near' : 'fine';
}
