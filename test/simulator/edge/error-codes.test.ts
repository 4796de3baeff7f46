import { describe, expect, test } from 'vitest';
import type { RequestTarget } from '../../../src/simulator/edge/target.ts';
import { PLATFORM, scaleRules } from '../../../src/simulator/platform/rules.ts';
import { freePort } from '../free-port.ts';
import { get } from '../get.ts';
import { startDyno } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawClient } from '../../router/raw-client.ts';
import { httpDyno, openEdgeFixture, rawDyno, webTarget, type EdgeFixture } from './edge-fixture.ts';

const HELD = { kind: 'booting' } as const;

/** Checks the error page, the log line and the event. */
async function expectPage(fixture: EdgeFixture, code: string, line: RegExp): Promise<void> {
  const answer = await get({ host: '127.0.0.1', port: fixture.edge.port }, '/slow?a=b');
  expect(answer).toMatchObject({
    status: 503,
    headers: { 'content-type': 'text/html; charset=utf-8', 'x-simulator-error': code },
  });
  expect(answer.body).toContain(code);
  expect(await fixture.line()).toMatch(line);
  expect(fixture.events).toMatchObject([
    { kind: 'error-code', label: code, text: expect.stringMatching(`^${code} .*: GET /slow\\?a=b$`) as string },
  ]);
  expect(fixture.edge.openRequests).toBe(0);
}

describe('before anything came from a dyno', () => {
  test.each([
    ['H10', 'App crashed'],
    ['H14', 'No web processes running'],
  ] as const)('%s: %s', async (code, description) => {
    const fixture = await openEdgeFixture({ kind: 'none', code });
    const line = new RegExp(
      `^at=error code=${code} desc="${description}" method=GET path="/slow\\?a=b" host=\\S+ request_id=\\S+ fwd="127.0.0.1" dyno= connect= service= status=503 bytes= protocol=http1.1 tls=false$`,
    );
    await expectPage(fixture, code, line);
    expect(fixture.events[0]?.dyno).toBeNull();
  });

  test('H20: held too long', async () => {
    await expectPage(
      await openEdgeFixture(HELD, { holdMs: 40 }),
      'H20',
      /^at=error code=H20 desc="App boot timeout" .* dyno= connect= service= status=503 bytes= /,
    );
  });

  test('H21: connection refused', async () => {
    const fixture = await openEdgeFixture(webTarget(await freePort()));
    await expectPage(
      fixture,
      'H21',
      /^at=error code=H21 desc="Backend connection refused" .* dyno=web\.1 connect=\d+ms service= status=503 bytes= /,
    );
    expect(fixture.events[0]?.dyno).toBe('web.1');
  });

  test('H12: no first byte in time, and the dyno works on alone', async () => {
    const dyno = await httpDyno(() => {});
    const fixture = await openEdgeFixture(dyno.target, { firstByteMs: 40 });
    await expectPage(
      fixture,
      'H12',
      /^at=error code=H12 desc="Request timeout" .* dyno=web\.1 connect=\d+ms service=\d+ms status=503 bytes=0 /,
    );
    expect(Number(/service=(\d+)ms/.exec(fixture.lines[0] ?? '')?.[1])).toBeGreaterThanOrEqual(39);
    await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  });

  test("H12 after the platform's own time, scaled", async () => {
    const { firstByteMs } = scaleRules(PLATFORM, 15);
    const dyno = await httpDyno(() => {});
    const fixture = await openEdgeFixture(dyno.target, { firstByteMs });
    await expectPage(fixture, 'H12', /code=H12 /);
    expect(Number(/service=(\d+)ms/.exec(fixture.lines[0] ?? '')?.[1])).toBeGreaterThanOrEqual(1999);
  });

  test('H13: closed without an answer, and the request is not sent twice', async () => {
    let requests = 0;
    const dyno = await rawDyno((socket) => socket.once('data', () => void ((requests += 1), socket.end())));
    await expectPage(
      await openEdgeFixture(dyno.target),
      'H13',
      /^at=error code=H13 desc="Connection closed without response" .* status=503 bytes=0 /,
    );
    expect(requests).toBe(1);
  });

  test('H13 for a connection that was kept, too: nothing is sent twice', async () => {
    let requests = 0;
    const dyno = await rawDyno((socket) =>
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        else socket.resetAndDestroy();
      }),
    );
    const fixture = await openEdgeFixture(dyno.target);
    const address = { host: '127.0.0.1', port: fixture.edge.port };
    expect(await get(address, '/')).toMatchObject({ status: 200 });
    expect(await get(address, '/')).toMatchObject({ status: 503, headers: { 'x-simulator-error': 'H13' } });
    expect(requests).toBe(2);
    expect(dyno.sockets).toHaveLength(1);
  });

  test('H17: not HTTP', async () => {
    const dyno = await rawDyno((socket) => socket.once('data', () => socket.end('220 smtp ready\r\n')));
    await expectPage(
      await openEdgeFixture(dyno.target),
      'H17',
      /^at=error code=H17 desc="Poorly formatted HTTP response" /,
    );
  });

  test('H18: half a head', async () => {
    const dyno = await rawDyno((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Le')));
    await expectPage(
      await openEdgeFixture(dyno.target),
      'H18',
      /^sock=backend at=error code=H18 desc="Server Request Interrupted" .* status=503 bytes=0 /,
    );
  });

  test('H17: an unrequested switch of protocols', async () => {
    const dyno = await rawDyno((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\n')),
    );
    await expectPage(await openEdgeFixture(dyno.target), 'H17', /code=H17 /);
  });
});

test('H19: a dyno that takes no connection', async () => {
  const listener = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log('at ' + this.address().port); })`;
  const stopped = startDyno({ command: [process.execPath, '-e', listener] });
  const port = Number((await stopped.waitForOutput(/at (\d+)/))[1]);
  stopped.signal('SIGSTOP');
  // Its backlog is full after a few.
  for (let count = 0; count < 4; count += 1) rawClient({ host: '127.0.0.1', port });
  const fixture = await openEdgeFixture(webTarget(port), { connectMs: 40 });
  await eventually(() => expectCode(fixture, 'H19'));
  expect(fixture.lines.at(-1)).toMatch(
    /^at=error code=H19 desc="Backend connection timeout" .* dyno=web\.1 connect=\d+ms service= /,
  );
});

async function expectCode(fixture: EdgeFixture, code: string): Promise<void> {
  const answer = await get({ host: '127.0.0.1', port: fixture.edge.port }, '/');
  expect([answer.status, answer.headers['x-simulator-error']]).toEqual([503, code]);
}

describe('in the middle of an answer', () => {
  const BEGINNING = 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbeginning';
  const CHUNK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbeginning\r\n';

  test.each([BEGINNING, CHUNK])('H15: no further byte after %j; the connection is cut', async (text) => {
    const dyno = await rawDyno((socket) => socket.once('data', () => socket.write(text)));
    const fixture = await openEdgeFixture(dyno.target, { nextByteMs: 40 });
    const received = await fixture.client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').closed();
    expect(received).toMatch(/200 OK[^]*beginning(\r\n)?$/);
    expect(await fixture.line()).toMatch(
      /^at=error code=H15 desc="Idle connection" .* dyno=web\.1 connect=\d+ms service=\d+ms status=503 bytes=9 /,
    );
    expect(fixture.events).toMatchObject([{ label: 'H15', dyno: 'web.1' }]);
  });

  test('each byte gives it the time anew', async () => {
    let [beats, isWhole] = [0, false];
    const dyno = await httpDyno((_, response) => {
      const beat = setInterval(() => {
        response.write('.');
        if ((beats += 1) < 16) return;
        clearInterval(beat);
        response.end(() => (isWhole = true));
      }, 150);
    });
    const fixture = await openEdgeFixture(dyno.target, { nextByteMs: 2000 });
    expect(await get({ host: '127.0.0.1', port: fixture.edge.port }, '/')).toMatchObject({
      status: 200,
      body: '.'.repeat(16),
    });
    expect([await fixture.line(), isWhole]).toEqual([expect.stringMatching(/^at=info .* bytes=16 /), true]);
    expect(Number(/service=(\d+)ms/.exec(fixture.lines[0] ?? '')?.[1])).toBeGreaterThan(2000);
  });

  test.each([BEGINNING, CHUNK])(
    'H18: broken off after %j; what came is passed on, then the connection is cut',
    async (text) => {
      const dyno = await rawDyno((socket) => socket.once('data', () => socket.end(text)));
      const fixture = await openEdgeFixture(dyno.target);
      const received = await fixture.client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').closed();
      expect(received).toMatch(/200 OK[^]*beginning(\r\n)?$/);
      expect(await fixture.line()).toMatch(/^sock=backend at=error code=H18 .* status=503 bytes=9 /);
    },
  );
});

describe('a client that goes', () => {
  test.each([
    ['while it is held', '', HELD],
    ['while the dyno works', '', null],
    ['with half of its body sent', 'Content-Length: 10\r\n', null],
  ] as const)('%s: H27, and the dyno hears of it', async (_, field, target) => {
    const requests: string[] = [];
    const dyno = await httpDyno((request) => void requests.push(request.url ?? ''));
    const fixture = await openEdgeFixture(target ?? dyno.target);
    const client = fixture
      .client()
      .send(`POST /a HTTP/1.1\r\nHost: a\r\n${field}\r\nhalf`.replace(/half$/, field === '' ? '' : 'half'));
    await eventually(() => expect([fixture.edge.openRequests, requests.length]).toEqual([1, target === null ? 1 : 0]));
    client.socket.destroy();
    expect(await fixture.line()).toMatch(
      /^sock=client at=warning code=H27 desc="Client Request Interrupted" method=POST .* status=499 /,
    );
    expect(fixture.edge.openRequests).toBe(0);
    expect(fixture.events).toMatchObject([{ label: 'H27' }]);
    await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  });

  test('in the middle of the answer: H27', async () => {
    const dyno = await httpDyno((_, response) => void response.write('beginning'));
    const fixture = await openEdgeFixture(dyno.target);
    const client = fixture.client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('beginning');
    client.reset();
    expect(await fixture.line()).toMatch(/code=H27 .* status=499 bytes=9 /);
    await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  });

  test('that sends no more of its body: H28', async () => {
    const dyno = await httpDyno(() => {});
    const fixture = await openEdgeFixture(dyno.target, { nextByteMs: 40 });
    const client = fixture.client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nsome');
    await client.closed();
    expect(await fixture.line()).toMatch(/^at=warning code=H28 desc="Client Connection Idle" .* status=499 /);
  });

  test('with nonsense is told so, and no dyno is asked', async () => {
    const dyno = await httpDyno((_, response) => response.end());
    const fixture = await openEdgeFixture(dyno.target);
    expect(await fixture.client().send('NONSENSE\r\n\r\n').closed()).toMatch(/^HTTP\/1\.1 400 /);
    expect(dyno.sockets).toEqual([]);
  });
});

describe('a dyno that refuses the connection was sent nothing', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';

  test('so another dyno has the request, which chance may name late', async () => {
    const dyno = await httpDyno((request, response) => void request.pipe(response));
    const refusing = webTarget(await freePort());
    const targets = [refusing, refusing, refusing, dyno.target];
    const fixture = await openEdgeFixture(() => targets.shift() ?? dyno.target);
    const client = fixture.client().send(POST);
    await client.until(/200 OK[^]*body/);
    expect(await fixture.line()).toMatch(/^at=info /);
  });

  test('so the request is held when one boots in its place', async () => {
    const dyno = await httpDyno((request, response) => void request.pipe(response));
    const refusing = webTarget(await freePort());
    const targets: RequestTarget[] = [refusing];
    const fixture = await openEdgeFixture(() => targets.shift() ?? { kind: 'booting' });
    const client = fixture.client().send(POST);
    await eventually(() => expect([fixture.edge.openRequests, targets]).toEqual([1, []]));
    fixture.setTarget(dyno.target);
    await client.until(/200 OK[^]*body/);
    expect(await fixture.line()).toMatch(/^at=info .* dyno=web\.1 /);
  });

  test('and H10 it is when it has crashed by then', async () => {
    const targets = [webTarget(await freePort())];
    const fixture = await openEdgeFixture(() => targets.shift() ?? { kind: 'none', code: 'H10' });
    await expectCode(fixture, 'H10');
    expect(await fixture.line()).toMatch(/ dyno= connect= service= status=503 /);
  });
});

test('a page for a request with a body leaves the connection as good as before', async () => {
  const fixture = await openEdgeFixture({ kind: 'none', code: 'H14' });
  const client = fixture
    .client()
    .send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until(/503 [^]*H14[^]*503 [^]*H14/);
});
