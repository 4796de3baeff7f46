import { acting } from './act.ts';
import { listen } from './connection.ts';
import { dialogs } from './dialogs.ts';
import { DynoCard } from './dyno-card.ts';
import { byId, Keyed } from './elements.ts';
import { clearEvents, HAPPENINGS_MOST, showEvents } from './events.ts';
import { restActions, showConnection, showHead, titleOf } from './head.ts';
import { Log } from './log.ts';
import type { Timeline } from './memory-plot.ts';
import type { Sample } from './messages.ts';
import { onThemeChange } from './theme.ts';
import { showReader, toolbar } from './toolbar.ts';
import type { Answer } from '../action.ts';
import type { Happening, View } from '../view.ts';

const SAMPLES_MS = 30 * 60_000;
const MINUTE = 60_000;

const token = document.querySelector<HTMLMetaElement>('meta[name="page-token"]')?.content ?? '';
const shown: { view: View | null; samples: Sample[]; happenings: Happening[] } = {
  view: null,
  samples: [],
  happenings: [],
};
const timeline: Timeline = {
  get nowMs() {
    return shown.view?.atMs ?? 0;
  },
  get windowMs() {
    return Number(byId('window', HTMLSelectElement).value) * MINUTE;
  },
  get samples() {
    return shown.samples;
  },
  get happenings() {
    return shown.happenings;
  },
};

const act = acting(token, tell);
const ask = dialogs((action) => void act(action));
const log = new Log();
const cards = new Keyed(byId('dynos'), ({ name }: View['dynos'][number]) => {
  return new DynoCard(name, timeline, {
    kill: (pid) => shown.view && ask.kill(shown.view, pid),
    restart: (dyno) => void act({ do: 'restart', dyno }),
  });
});

toolbar(act, ask, () => shown.view);
byId('window').addEventListener('change', drawPlots);
onThemeChange(() => {
  for (const card of cards.parts) card.repaint();
});
showConnection('connecting');
listen(
  token,
  {
    history({ view, samples, lines, happenings }) {
      shown.samples = [...samples];
      shown.happenings = [...happenings];
      clearEvents();
      showEvents(happenings);
      log.clear();
      log.add(lines);
      show(view);
      drawPlots();
    },
    view: show,
    sample(sample) {
      shown.samples.push(sample);
      const first = shown.samples.findIndex(({ atMs }) => atMs >= sample.atMs - SAMPLES_MS);
      shown.samples.splice(0, Math.max(0, first));
      drawPlots();
    },
    line: (lines) => log.add(lines),
    happening(happenings) {
      shown.happenings = [...shown.happenings, ...happenings].slice(-HAPPENINGS_MOST);
      showEvents(happenings);
      drawPlots();
    },
  },
  showConnection,
);

function show(view: View): void {
  shown.view = view;
  showHead(view);
  showReader(view);
  cards.show(view.dynos.map((dyno) => [dyno.name, dyno]));
  byId('no-dynos').hidden = view.dynos.length > 0;
  document.title = titleOf(view);
  restActions();
}

function drawPlots(): void {
  for (const card of cards.parts) card.drawPlot();
}

function tell({ ok, text }: Answer): void {
  const place = byId('answer');
  place.dataset.ok = String(ok);
  // Said again when the same answer comes twice.
  place.textContent = '';
  requestAnimationFrame(() => (place.textContent = text));
}
