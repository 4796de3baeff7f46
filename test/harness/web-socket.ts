import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

/** Opens a WebSocket to streaming or to the router. The token names the account. It is closed when the test ends. */
export async function openWebSocket(port: number, token: string, path = '/api/v1/streaming'): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, token);
  onTestFinished(() => client.terminate());
  client.on('error', () => {}); // a refusal rejects once(); later errors are followed by `close`
  await once(client, 'open');
  return client;
}

/** Whether the stand-in for streaming echoes what the client sends. Its pong follows the echo: without an echo by then there is none. */
export async function echoes(client: WebSocket): Promise<boolean> {
  let received = false;
  const onMessage = (): void => void (received = true);
  client.on('message', onMessage);
  client.send('hello');
  client.ping();
  await once(client, 'pong');
  client.off('message', onMessage);
  return received;
}
