import type { Messages } from './messages.ts';

export type Connection = 'connecting' | 'live' | 'lost' | 'ended';
export type Listeners = { [Name in Exclude<keyof Messages, 'end'>]: (data: Messages[Name]) => void };

const AGAIN_MS = 1000;

/** Listens to the simulation. After a loss the browser connects again by itself; where it may not, because another
 * simulation runs there by now, with a token of its own, the page loads itself anew. */
export function listen(token: string, listeners: Listeners, tell: (connection: Connection) => void): void {
  const source = new EventSource(`events?token=${encodeURIComponent(token)}`);
  for (const name of ['history', 'view', 'sample', 'line', 'happening'] as const)
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      (listeners[name] as (data: unknown) => void)(JSON.parse(data));
    });
  source.addEventListener('open', () => tell('live'));
  source.addEventListener('end', () => {
    source.close();
    tell('ended');
  });
  source.addEventListener('error', () => {
    tell('lost');
    if (source.readyState !== EventSource.CLOSED) return;
    void connectAnew(token, () => listen(token, listeners, tell));
  });
}

/** Asks until somebody answers. */
async function connectAnew(token: string, again: () => void): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  const there = await tokenThere();
  if (there === token) return again();
  if (there !== null) return location.reload();
  return connectAnew(token, again);
}

async function tokenThere(): Promise<string | null> {
  try {
    const answer = await fetch('.');
    return /name="page-token" content="([\w-]+)"/.exec(await answer.text())?.[1] ?? null;
  } catch {
    return null;
  }
}
