import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../../harness/eventually.ts';
import { nodes } from '../../harness/nodes.ts';
import { echoes, openWebSocket } from '../../harness/web-socket.ts';
import { describeCluster } from '../cluster-behaviour.ts';
import { freePort } from '../free-port.ts';
import { get } from '../get.ts';
import { listening, standIn, standInWorker } from '../part.ts';
import { describePuma } from '../puma-behaviour.ts';
import { describeRails } from '../rails-behaviour.ts';
import { describeSidekiq } from '../sidekiq-behaviour.ts';
import { describeStreaming } from '../streaming-behaviour.ts';

const puma = standIn('puma', /Puma starting/);
const rails = standIn('rails', /migrating/);

describePuma('the stand-in for puma', puma);
describeCluster('the stand-in for puma', puma);
describeSidekiq('the stand-in for sidekiq', standInWorker());
describeStreaming('the stand-in for streaming', standIn('streaming', /^/));
describeRails('the stand-in for rails', rails, (STAND_IN_FAIL) => ({ STAND_IN_FAIL }));

it('the stand-in for puma wants https for everything but /health and /slow, as force_ssl does', async () => {
  const address = await listening(puma.start([], { PORT: String(await freePort()), WEB_CONCURRENCY: '0' }));
  expect(await get(address, '/about', { host: 'example.org' })).toMatchObject({
    status: 301,
    headers: { location: 'https://example.org/about' },
  });
  expect(await get(address, '/about', { 'x-forwarded-proto': 'https' })).toMatchObject({ status: 200 });
});

it.each(['puma', 'streaming'] as const)('the stand-in for %s lives on after a request for //', async (name) => {
  const dyno = standIn(name, /^/).start([], { PORT: String(await freePort()), WEB_CONCURRENCY: '0' });
  const address = await listening(dyno);
  expect((await get(address, '//?x=//')).status).toBeGreaterThan(200);
  expect((await get(address, name === 'puma' ? '/health' : '/api/v1/streaming/health')).body).toBe('OK');
});

it('the stand-in for sidekiq takes its jobs from the queues it was given', async () => {
  const dyno = await standInWorker().startBusy(0, ['-q', 'push,6', '-q', 'fasp'], { DYNO: 'worker.1' });
  await dyno.waitForOutput(/queue=push/);
  await dyno.waitForOutput(/queue=fasp/);
  expect(dyno.output).not.toMatch(/queue=(?!push|fasp)/);
});

it('a stand-in refuses a duration that is none', async () => {
  const dyno = puma.start([], { STAND_IN_BOOT_MS: 'soon' });
  expect(await dyno.exited).toEqual({ code: 1, signal: null });
  expect(dyno.output).toContain('STAND_IN_BOOT_MS: expected a number of milliseconds, got soon');
});

it.each([
  ['no -t', 3000, [], /Terminating/],
  ['a -t of its own', 100, ['-t', '60'], /INFO: done/],
])(
  'STAND_IN_TIME_SCALE shortens the times of the stand-ins, what is told stays: %s',
  async (_, seconds, args, says) => {
    // Jobs of 60 s and of 2 s; sidekiq's own 25 s are 0.5 s.
    const dyno = await standInWorker().startBusy(seconds, ['-c', '1', ...args], { STAND_IN_TIME_SCALE: '50' });
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect(dyno.output).toMatch(says);
  },
);

it.each(['0', '-1', 'fast'])('a stand-in refuses STAND_IN_TIME_SCALE=%s', async (STAND_IN_TIME_SCALE) => {
  const dyno = puma.start([], { STAND_IN_TIME_SCALE });
  expect(await dyno.exited).toEqual({ code: 1, signal: null });
  expect(dyno.output).toContain(`STAND_IN_TIME_SCALE: expected a number above 0, got ${STAND_IN_TIME_SCALE}`);
});

it('the stand-in for streaming loses a subscription that is made before its Redis is ready', async () => {
  const port = await freePort();
  const dyno = standIn('streaming', /^/).start([], { PORT: `${port}`, STAND_IN_REDIS_MS: '2000' });
  await listening(dyno);
  const early = await openWebSocket(port, 'early');
  expect(await echoes(early)).toBe(false);
  expect(dyno.output).toContain('Error subscribing');
  const open = { count: 0 };
  await eventually(async () => expect(await echoes(await openWebSocket(port, `late-${open.count++}`))).toBe(true));
  const second = await openWebSocket(port, 'early');
  expect(await Promise.all([echoes(early), echoes(second)])).toEqual([false, false]);
  for (const client of [early, second]) {
    client.close();
    await once(client, 'close');
  }
  expect(await echoes(await openWebSocket(port, 'early'))).toBe(true);
});

it('the stand-in for streaming pings its clients now and then, as the real one does every 30 s', async () => {
  const env = { PORT: String(await freePort()), STAND_IN_TIME_SCALE: '300' };
  const address = await listening(standIn('streaming', /^/).start([], env));
  const client = new WebSocket(`ws://127.0.0.1:${'port' in address ? address.port : 0}/`, 'a-token');
  onTestFinished(() => client.terminate());
  await once(client, 'ping');
});

// It binds its socket in a way that Node does not document.
it.each(nodes)("puma's cluster is one on node $major", async ({ path }) => {
  const dyno = standIn('puma', /^/, path).start([], { PORT: String(await freePort()) });
  const address = await listening(dyno);
  expect(await get(address, '/health')).toMatchObject({ status: 200, body: 'OK' });
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: null, signal: 'SIGTERM' });
});
