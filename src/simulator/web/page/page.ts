import type { Answer } from '../../action.ts';
import type { PlatformEvent, View } from '../../simulation.ts';
import { dialogs, showReader, toolbar } from './actions.ts';
import { actionSender, type Connection, listen } from './connection.ts';
import { DynoCard } from './dyno-card.ts';
import { byId, KeyedList, setText } from './elements.ts';
import { formatCount } from './format.ts';
import { clearEvents, MAX_EVENTS, LogPanel, showEvents } from './log.ts';
import type { Timeline } from './memory-plot.ts';
import type { Sample } from './messages.ts';
import { onThemeChange } from './plot-drawing.ts';

const RELEASES: Readonly<Record<View['release']['state'], string>> = {
  running: 'is running',
  succeeded: 'succeeded',
  failed: 'failed',
  none: 'needs none',
};
const CONNECTIONS: Readonly<Record<Connection, string>> = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Connection lost. Trying again…',
  ended: 'The simulation has ended. This is the last it showed.',
};

/** The line at the top of the page. */
function showHeader({ app, release, openRequests, openStreams, ownStreams, timeScale }: View): void {
  setText(byId('folder'), app.folder);
  setText(byId('what-runs'), app.standIns ? 'stand-ins' : 'the checkout’s own commands');
  const url = byId('url', HTMLAnchorElement);
  setText(url, app.url.replace(/^http:\/\//, ''));
  if (/^http:\/\//.test(app.url)) url.href = app.url;
  setText(byId('release'), `v${release.version} ${RELEASES[release.state]}`);
  byId('release').dataset.state = release.state;
  setText(byId('open-requests'), String(openRequests));
  setText(byId('streams'), `${openStreams}${ownStreams > 0 ? ` (${ownStreams} ours)` : ''}`);
  setText(byId('time-scale'), `${timeScale} ×`);
}

/** Without a connection the last state stays visible and the buttons are disabled. */
function showConnection(connection: Connection): void {
  document.body.dataset.connection = connection;
  setText(byId('connection'), CONNECTIONS[connection]);
  updateActions();
}

/** Call this after adding buttons. */
function updateActions(): void {
  const rests = document.body.dataset.connection !== 'live';
  for (const button of document.querySelectorAll<HTMLButtonElement | HTMLInputElement>('[data-action]'))
    if (button.disabled !== rests) button.disabled = rests;
}

function titleOf({ dynos }: View): string {
  const crashed = dynos.filter(({ state }) => state === 'crashed' || state === 'cooling off');
  const first = crashed.length === 0 ? '' : `${formatCount(crashed.length, 'dyno', 'dynos')} crashed: `;
  return `${first}mstdn-supervise dev`;
}

const SAMPLES_MS = 30 * 60_000;
const MINUTE = 60_000;

const token = document.querySelector<HTMLMetaElement>('meta[name="page-token"]')?.content ?? '';
const received = {
  view: null as View | null,
  samples: [] as Sample[],
  events: [] as PlatformEvent[],
  get nowMs(): number {
    return this.view?.atMs ?? 0;
  },
  get windowMs(): number {
    return Number(byId('window', HTMLSelectElement).value) * MINUTE;
  },
} satisfies Timeline & { view: View | null };

const act = actionSender(token, showAnswer);
const questions = dialogs((action) => void act(action));
const log = new LogPanel();
const cards = new KeyedList(byId('dynos'), ({ name }: View['dynos'][number]) => {
  return new DynoCard(name, received, {
    kill: (pid) => received.view && questions.kill(received.view, pid),
    restart: (dyno) => void act({ type: 'restart', dyno }),
  });
});

toolbar(act, questions, () => received.view);
byId('window').addEventListener('change', drawPlots);
onThemeChange(() => {
  for (const card of cards.parts) card.repaint();
});
showConnection('connecting');
listen(
  token,
  {
    history({ view, samples, lines, events }) {
      received.samples = [...samples];
      received.events = [...events];
      clearEvents();
      showEvents(events);
      log.clear();
      log.add(lines);
      show(view);
      drawPlots();
    },
    view: show,
    sample(sample) {
      received.samples.push(sample);
      const first = received.samples.findIndex(({ atMs }) => atMs >= sample.atMs - SAMPLES_MS);
      received.samples.splice(0, Math.max(0, first));
      drawPlots();
    },
    line: (lines) => log.add(lines),
    event(events) {
      received.events = [...received.events, ...events].slice(-MAX_EVENTS);
      showEvents(events);
      drawPlots();
    },
  },
  showConnection,
);

function show(view: View): void {
  received.view = view;
  showHeader(view);
  showReader(view);
  cards.show(view.dynos.map((dyno) => [dyno.name, dyno]));
  byId('no-dynos').hidden = view.dynos.length > 0;
  document.title = titleOf(view);
  updateActions();
}

function drawPlots(): void {
  for (const card of cards.parts) card.drawPlot();
}

function showAnswer({ ok, text }: Answer): void {
  const answerElement = byId('answer');
  answerElement.dataset.ok = String(ok);
  // Lets a screen reader announce the same answer twice.
  answerElement.textContent = '';
  requestAnimationFrame(() => (answerElement.textContent = text));
}
