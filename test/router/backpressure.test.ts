// An upstream that cannot respond for a moment: its accept queue is full, or it was just told to stop.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { statusOf } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter } from './router-fixture.ts';
import { FakeUpstream } from './fake-upstream.ts';

const API = '/api/v1/streaming';

test('requests wait while the accept queue of their upstream is full', async () => {
  const fixture = await startRouter();
  const server =
    "require('http').createServer((_, response) => response.end('ok')).listen(process.argv[1], () => console.log('listening'))";
  const stopped = spawn(process.execPath, ['-e', server, fixture.pumaSocket], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void stopped.kill('SIGKILL'));
  await once(stopped.stdout, 'data');
  stopped.kill('SIGSTOP');
  const clients = Array.from({ length: 700 }, () => fixture.client().send(request('/')));
  await eventually(() =>
    expect(clients.every(({ socket }) => socket.writableLength === 0 && !socket.connecting)).toBe(true),
  );
  await awaitResponse(fixture.client().send(request(`${API}/health`))).catch(() => undefined);
  stopped.kill('SIGCONT');
  const statuses = await Promise.all(clients.map(async (client) => statusOf(await awaitResponse(client))));
  expect(new Set(statuses)).toEqual(new Set([200]));
});

test('a health check that arrives as an idle streaming is stopped gets its OK from the router', async () => {
  const fixture = await startRouter({ streaming: 'on-demand' });
  const streaming = new FakeUpstream(fixture.streamingSocket);
  const client = fixture.client().send(request(`${API}/health`));
  const server = await streaming.awaitRequest();
  fixture.changed('streaming', 'stopping');
  server.socket.destroy();
  expect(await awaitResponse(client)).toMatchObject({ start: 'HTTP/1.1 200 OK', body: 'OK' });
  expect(fixture.warnings).toEqual([]);
});
