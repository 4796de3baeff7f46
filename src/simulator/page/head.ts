import type { Connection } from './connection.ts';
import { byId, setText } from './elements.ts';
import type { View } from '../view.ts';
import { count } from './words.ts';

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

/** The line at the top. */
export function showHead({ app, release, openRequests, openStreams, ownStreams, timeScale }: View): void {
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

/** Without a simulation there is nothing to act on: what it showed last stays, its buttons rest. */
export function showConnection(connection: Connection): void {
  document.body.dataset.connection = connection;
  setText(byId('connection'), CONNECTIONS[connection]);
  restActions();
}

/** Call it again after new buttons have come. */
export function restActions(): void {
  const rests = document.body.dataset.connection !== 'live';
  for (const button of document.querySelectorAll<HTMLButtonElement | HTMLInputElement>('[data-action]'))
    if (button.disabled !== rests) button.disabled = rests;
}

export function titleOf({ dynos }: View): string {
  const troubled = dynos.filter(({ state }) => state === 'crashed' || state === 'cooling off');
  const first = troubled.length === 0 ? '' : `${count(troubled.length, 'dyno', 'dynos')} crashed: `;
  return `${first}mstdn-supervise dev`;
}
