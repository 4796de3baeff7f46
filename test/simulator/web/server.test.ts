import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openPage } from '../../../src/simulator/web/server.ts';
import { eventually } from '../../harness/eventually.ts';
import { tempFolder } from '../../harness/dyno.ts';
import { aDyno, FakeSimulation, START_MS } from '../fake-simulation.ts';

const TOKEN = 'secret';
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

test('the page with its token, on both loopback addresses and nowhere else', async () => {
  const { port } = await start();
  const got = await ask(port, '/');
  expect(got.body).toBe('<meta content="secret">');
  expect(got.headers['content-type']).toBe('text/html; charset=utf-8');
  expect((await ask(port, '/page.js')).headers['content-type']).toBe('text/javascript; charset=utf-8');
  if (hasIpv6) expect((await ask(port, '/', { hostname: '::1' })).status).toBe(200);
  for (const address of ownAddresses())
    await expect(ask(port, '/', { hostname: address })).rejects.toThrow('ECONNREFUSED');
});

test('HEAD gives the headers of GET, without the page', async () => {
  const { port } = await start({});
  const [get, head] = await Promise.all([ask(port, '/'), ask(port, '/', { method: 'HEAD' })]);
  expect(head).toMatchObject({ status: 200, body: '' });
  expect(head.headers['content-type']).toBe(get.headers['content-type']);
});

test('nothing of another origin is loaded, run, shown or kept', async () => {
  const { port } = await start();
  for (const path of ['/', '/page.js', '/nothing']) {
    const { headers } = await ask(port, path);
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]),
    );
    expect(policy.join()).not.toMatch(/unsafe|http|\*/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
  }
});

test('a token of its own for each page, long enough', async () => {
  const pages = await Promise.all([start({}), start({})]);
  const [one = '', other = ''] = await Promise.all(pages.map(async ({ port }) => (await ask(port, '/')).body));
  expect(one).toMatch(/"[\w-]{32}"/);
  expect(one).not.toBe(other);
});

test('a page that is not built says so, a port that is taken too', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const simulation = new FakeSimulation();
  const port = (taken.address() as { port: number }).port;
  await expect(openPage(simulation, { port: 0, assets: tempFolder() })).rejects.toThrow('no page in');
  await expect(openPage(simulation, { port, assets: builtPage() })).rejects.toThrow(/^port \d+ is in use/);
  expect(simulation.hasNoListeners).toBe(true);
});

test.runIf(hasIpv6)('a port in use on ::1 is refused, because localhost may resolve to it', async () => {
  const taken = createServer().listen(0, '::1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const port = (taken.address() as { port: number }).port;
  await expect(openPage(new FakeSimulation(), { port, assets: builtPage() })).rejects.toThrow(/^port \d+ is in use/);
});

test('an action is done and answered', async () => {
  const { port, simulation } = await start();
  simulation.answer = { ok: false, text: 'no such dyno: web.9' };
  const { status, body } = await act(port, JSON.stringify({ type: 'restart', dyno: 'web.9' }));
  expect({ status, body: JSON.parse(body) as unknown }).toEqual({ status: 200, body: simulation.answer });
  expect(simulation.actions).toEqual([{ type: 'restart', dyno: 'web.9' }]);
});

test.each<[string, string, number, RegExp]>([
  ['no JSON', '{', 400, /expected an object/],
  ['no action', '{"type":"explode"}', 400, /no such action/],
  ['half an action', '{"type":"kill"}', 400, /expected a pid/],
  ['too long', JSON.stringify({ type: 'deploy', more: 'x'.repeat(5000) }), 413, /at most 4096 bytes/],
])('what is no action is refused and not done: %s', async (_, sent, status, why) => {
  const { port, simulation } = await start();
  for (const framing of [{ 'content-length': String(sent.length) }, { 'transfer-encoding': 'chunked' }]) {
    const got = await act(port, sent, framing);
    expect(got).toMatchObject({ status, body: expect.stringMatching(why) as string });
  }
  expect(simulation.actions).toEqual([]);
});

test('who is refused hears why in one line, and nothing is done', async () => {
  const { port, simulation } = await start();
  const got = await act(port, '{"type":"quit"}', { origin: 'http://example.org' });
  expect(got).toMatchObject({
    status: 403,
    body: 'http://example.org is another origin; only the page itself may send requests\n',
  });
  expect((await ask(port, '/', { headers: { host: 'example.org' } })).status).toBe(403);
  expect((await ask(port, '/events')).status).toBe(403);
  expect((await ask(port, '/missing.js')).status).toBe(404);
  expect(simulation.actions).toEqual([]);
});

test('events: first everything so far, then everything new', async () => {
  const { port, simulation } = await start();
  simulation.log('before');
  simulation.emit('up');
  simulation.advance(1000);
  const events = await listen(port);
  const history = await events.next('history');
  expect(history).toMatchObject({
    view: { atMs: START_MS + 1000 },
    samples: [{ atMs: START_MS }, { atMs: START_MS + 1000 }],
    lines: [{ text: 'before' }],
    events: [{ label: 'up' }],
  });
  simulation.log('one');
  simulation.log('two');
  simulation.emit('R14');
  simulation.advance(1000, { dynos: [aDyno({ state: 'crashed' })] });
  expect(await events.next('view')).toMatchObject({ dynos: [{ state: 'crashed' }] });
  expect(await events.next('sample')).toMatchObject({ atMs: START_MS + 2000 });
  expect(await events.next('event')).toMatchObject([{ label: 'R14' }]);
  expect(await events.next('line')).toMatchObject([{ text: 'one' }, { text: 'two' }]);
  expect(events.seen('line')).toHaveLength(1);
});

test('a hundred changes at once are one view', async () => {
  const { port, simulation } = await start();
  const events = await listen(port);
  await events.next('history');
  for (let n = 1; n <= 100; n++) simulation.show({ openRequests: n });
  simulation.log('after');
  await events.next('line');
  expect(events.seen('view')).toMatchObject([{ openRequests: 100 }]);
});

test('the end: the last of it, then the word, then nothing is left', async () => {
  const { port, simulation, page } = await start();
  const events = await listen(port);
  await events.next('history');
  simulation.log('Stopping');
  simulation.show({ dynos: [aDyno({ state: 'down', runs: [] })] });
  await page.close();
  await eventually(() => expect(events.ended).toBe(true));
  expect(events.names()).toEqual(['history', 'view', 'line', 'end']);
  expect(events.seen('view')).toMatchObject([{ dynos: [{ state: 'down' }] }]);
  expect(simulation.hasNoListeners).toBe(true);
  await expect(ask(port, '/')).rejects.toThrow('ECONNREFUSED');
});

test('an action that ends it all is answered before the port closes', async () => {
  const { port, simulation, page } = await start();
  let close: Promise<void> | undefined;
  simulation.act = () => {
    close = page.close();
    return Promise.resolve({ ok: true, text: 'ending' });
  };
  expect(await act(port, '{"type":"quit"}')).toMatchObject({ status: 200, body: '{"ok":true,"text":"ending"}' });
  await close;
});

test('a page that does not take its events is dropped, and the others stay', async () => {
  const { port, simulation } = await start();
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let isDropped = false;
  socket.once('error', () => (isDropped = true));
  socket.write(`GET /events?token=${TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  await once(socket, 'readable');
  const events = await listen(port);
  await eventually(async () => {
    for (let n = 0; n < 500; n++) simulation.log('x'.repeat(2000));
    await events.next('line');
    // Its own buffers and those of the kernel are full by then; it sees the end once it reads again.
    if (events.seen('line').length < 16) throw new Error('not enough yet');
  });
  socket.resume();
  await eventually(() => expect(isDropped || socket.destroyed).toBe(true));
  const count = events.seen('line').length;
  simulation.log('still here');
  await eventually(() => expect(events.seen('line').length).toBeGreaterThan(count));
});

test('sixteen pages at most', async () => {
  const { port } = await start();
  for (let n = 0; n < 16; n++) await (await listen(port)).next('history');
  expect(await ask(port, `/events?token=${TOKEN}`)).toMatchObject({ status: 503, body: '16 pages are open\n' });
});

async function start(options: { token?: string } = { token: TOKEN }) {
  const simulation = new FakeSimulation();
  const page = await openPage(simulation, { port: 0, assets: builtPage(), ...options });
  onTestFinished(() => page.close());
  return { simulation, page, port: Number(new URL(page.url).port) };
}

function builtPage(): string {
  const folder = tempFolder();
  writeFileSync(join(folder, 'page.html'), '<meta content="%PAGE_TOKEN%">');
  writeFileSync(join(folder, 'page.js'), '');
  return folder;
}

type Got = { status: number; headers: IncomingMessage['headers']; body: string };
type Asking = { hostname?: string; method?: string; headers?: Record<string, string>; body?: string };

async function ask(port: number, path: string, asking: Asking = {}): Promise<Got> {
  const answer = await open(port, path, asking);
  let body = '';
  for await (const text of answer.setEncoding('utf8')) body += text as string;
  return { status: answer.statusCode ?? 0, headers: answer.headers, body };
}

function act(port: number, body: string, headers: Record<string, string> = {}): Promise<Got> {
  const all = { 'content-type': 'application/json', 'x-page-token': TOKEN, ...headers };
  return ask(port, '/actions', { method: 'POST', headers: all, body });
}

function open(port: number, path: string, { hostname = '127.0.0.1', body, ...more }: Asking): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, agent: false, ...more }, resolve)
      .once('error', reject)
      .end(body);
  });
}

/** The events of a page, as they come. */
async function listen(port: number) {
  const answer = await open(port, `/events?token=${TOKEN}`, {});
  onTestFinished(() => void answer.destroy());
  let text = '';
  const events = { ended: false, names, seen, next };
  answer.setEncoding('utf8').on('data', (more: string) => (text += more));
  answer.once('end', () => (events.ended = true)).once('error', () => undefined);
  const taken = new Map<string, number>();

  function names(): string[] {
    return [...text.matchAll(/^event: (.*)$/gm)].map(([, name = '']) => name);
  }
  function seen(name: string): unknown[] {
    return [...text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)]
      .filter(([, one]) => one === name)
      .map(([, , data = '']) => JSON.parse(data) as unknown);
  }
  /** The next one of that name that was not given yet. */
  function next(name: string): Promise<unknown> {
    const at = taken.get(name) ?? 0;
    taken.set(name, at + 1);
    return eventually(() => {
      if (seen(name).length <= at) throw new Error(`no ${name} yet: ${names().join(' ')}`);
      return seen(name)[at];
    });
  }
  return events;
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
}
