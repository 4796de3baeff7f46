import type { Action, Answer } from '../../action.ts';
import type { Messages } from './messages.ts';

export type Connection = 'connecting' | 'live' | 'lost' | 'ended';
type Listeners = { [Name in Exclude<keyof Messages, 'end'>]: (data: Messages[Name]) => void };

const RECONNECT_MS = 1000;

/** Listens to the simulation. The browser reconnects by itself after a loss. If another simulation with another token
 * runs there, the page reloads. */
export function listen(token: string, listeners: Listeners, onState: (connection: Connection) => void): void {
  const source = new EventSource(`events?token=${encodeURIComponent(token)}`);
  for (const name of ['history', 'view', 'sample', 'line', 'event'] as const)
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      (listeners[name] as (data: unknown) => void)(JSON.parse(data));
    });
  source.addEventListener('open', () => onState('live'));
  source.addEventListener('end', () => {
    source.close();
    onState('ended');
  });
  source.addEventListener('error', () => {
    onState('lost');
    if (source.readyState !== EventSource.CLOSED) return;
    void reconnect(token, () => listen(token, listeners, onState));
  });
}

/** Retries until the server answers. */
async function reconnect(token: string, retry: () => void): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  const current = await fetchToken();
  if (current === token) return retry();
  if (current !== null) return location.reload();
  return reconnect(token, retry);
}

async function fetchToken(): Promise<string | null> {
  try {
    const answer = await fetch('.');
    return /name="page-token" content="([\w-]+)"/.exec(await answer.text())?.[1] ?? null;
  } catch {
    return null;
  }
}

export type SendAction = (action: Action) => Promise<void>;

/** Sends actions and reports each answer. Never rejects. */
export function actionSender(token: string, onAnswer: (answer: Answer) => void): SendAction {
  return async (action) => onAnswer(await postAction(action, token));
}

async function postAction(action: Action, token: string): Promise<Answer> {
  try {
    const reply = await fetch('actions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Page-Token': token },
      body: JSON.stringify(action),
    });
    const text = await reply.text();
    const isJson = reply.headers.get('Content-Type')?.startsWith('application/json') === true;
    return isJson ? (JSON.parse(text) as Answer) : { ok: false, text: text.trim() };
  } catch {
    if (action.type === 'quit') return { ok: true, text: 'The simulation ends.' };
    return { ok: false, text: 'The simulation does not answer; is it still running in its terminal?' };
  }
}
