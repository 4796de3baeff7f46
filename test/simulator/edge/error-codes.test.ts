import { describe, expect, test } from 'vitest';
import type { Target } from '../../../src/simulator/edge/edge-options.ts';
import { PLATFORM, scaled } from '../../../src/simulator/rules.ts';
import { freePort } from '../free-port.ts';
import { get } from '../get.ts';
import { startDyno } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';
import { rawClient } from '../../router/raw-client.ts';
import { httpDyno, openBed, rawDyno, web, type Bed } from './bed.ts';

const HELD = { kind: 'booting' } as const;

/** The page, the line and the mark. */
async function expectPage(bed: Bed, code: string, line: RegExp): Promise<void> {
  const answer = await get({ host: '127.0.0.1', port: bed.edge.port }, '/slow?a=b');
  expect(answer).toMatchObject({
    status: 503,
    headers: { 'content-type': 'text/html; charset=utf-8', 'x-simulator-error': code },
  });
  expect(answer.body).toContain(code);
  expect(await bed.line()).toMatch(line);
  expect(bed.happenings).toMatchObject([
    { kind: 'error-code', mark: code, text: expect.stringMatching(`^${code} .*: GET /slow\\?a=b$`) as string },
  ]);
  expect(bed.edge.openRequests).toBe(0);
}

describe('before anything came from a dyno', () => {
  test.each([
    ['H10', 'App crashed'],
    ['H14', 'No web processes running'],
  ] as const)('%s: %s', async (code, description) => {
    const bed = await openBed({ kind: 'none', code });
    const line = new RegExp(
      `^at=error code=${code} desc="${description}" method=GET path="/slow\\?a=b" host=\\S+ request_id=\\S+ fwd="127.0.0.1" dyno= connect= service= status=503 bytes= protocol=http1.1 tls=false$`,
    );
    await expectPage(bed, code, line);
    expect(bed.happenings[0]?.dyno).toBeNull();
  });

  test('H20: held too long', async () => {
    await expectPage(
      await openBed(HELD, { holdMs: 40 }),
      'H20',
      /^at=error code=H20 desc="App boot timeout" .* dyno= connect= service= status=503 bytes= /,
    );
  });

  test('H21: nobody listens', async () => {
    const bed = await openBed(web(await freePort()));
    await expectPage(
      bed,
      'H21',
      /^at=error code=H21 desc="Backend connection refused" .* dyno=web\.1 connect=\d+ms service= status=503 bytes= /,
    );
    expect(bed.happenings[0]?.dyno).toBe('web.1');
  });

  test('H12: no first byte in time, and the dyno works on alone', async () => {
    const dyno = await httpDyno(() => {});
    const bed = await openBed(dyno.target, { firstByteMs: 40 });
    await expectPage(
      bed,
      'H12',
      /^at=error code=H12 desc="Request timeout" .* dyno=web\.1 connect=\d+ms service=\d+ms status=503 bytes=0 /,
    );
    expect(Number(/service=(\d+)ms/.exec(bed.lines[0] ?? '')?.[1])).toBeGreaterThanOrEqual(39);
    await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  });

  test("H12 after the platform's own time, scaled", async () => {
    const { firstByteMs } = scaled(PLATFORM, 15);
    const dyno = await httpDyno(() => {});
    const bed = await openBed(dyno.target, { firstByteMs });
    await expectPage(bed, 'H12', /code=H12 /);
    expect(Number(/service=(\d+)ms/.exec(bed.lines[0] ?? '')?.[1])).toBeGreaterThanOrEqual(1999);
  });

  test('H13: closed without an answer, and the request is not sent twice', async () => {
    let requests = 0;
    const dyno = await rawDyno((socket) => socket.once('data', () => void ((requests += 1), socket.end())));
    await expectPage(
      await openBed(dyno.target),
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
    const bed = await openBed(dyno.target);
    const address = { host: '127.0.0.1', port: bed.edge.port };
    expect(await get(address, '/')).toMatchObject({ status: 200 });
    expect(await get(address, '/')).toMatchObject({ status: 503, headers: { 'x-simulator-error': 'H13' } });
    expect(requests).toBe(2);
    expect(dyno.sockets).toHaveLength(1);
  });

  test('H17: not HTTP', async () => {
    const dyno = await rawDyno((socket) => socket.once('data', () => socket.end('220 smtp ready\r\n')));
    await expectPage(await openBed(dyno.target), 'H17', /^at=error code=H17 desc="Poorly formatted HTTP response" /);
  });

  test('H18: half a head', async () => {
    const dyno = await rawDyno((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Le')));
    await expectPage(
      await openBed(dyno.target),
      'H18',
      /^sock=backend at=error code=H18 desc="Server Request Interrupted" .* status=503 bytes=0 /,
    );
  });

  test('H17: a switch of protocols that nobody asked for', async () => {
    const dyno = await rawDyno((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\n')),
    );
    await expectPage(await openBed(dyno.target), 'H17', /code=H17 /);
  });
});

test('H19: a dyno that takes no connection', async () => {
  const listener = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log('at ' + this.address().port); })`;
  const stopped = startDyno({ command: [process.execPath, '-e', listener] });
  const port = Number((await stopped.says(/at (\d+)/))[1]);
  stopped.signal('SIGSTOP');
  // Its backlog is full after a few.
  for (let count = 0; count < 4; count += 1) rawClient({ host: '127.0.0.1', port });
  const bed = await openBed(web(port), { connectMs: 40 });
  await eventually(() => expectCode(bed, 'H19'));
  expect(bed.lines.at(-1)).toMatch(
    /^at=error code=H19 desc="Backend connection timeout" .* dyno=web\.1 connect=\d+ms service= /,
  );
});

async function expectCode(bed: Bed, code: string): Promise<void> {
  const answer = await get({ host: '127.0.0.1', port: bed.edge.port }, '/');
  expect([answer.status, answer.headers['x-simulator-error']]).toEqual([503, code]);
}

describe('in the middle of an answer', () => {
  const BEGINNING = 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbeginning';
  const CHUNK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbeginning\r\n';

  test.each([BEGINNING, CHUNK])('H15: no further byte after %j; the connection is cut', async (text) => {
    const dyno = await rawDyno((socket) => socket.once('data', () => socket.write(text)));
    const bed = await openBed(dyno.target, { nextByteMs: 40 });
    const received = await bed.client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').closed();
    expect(received).toMatch(/200 OK[^]*beginning(\r\n)?$/);
    expect(await bed.line()).toMatch(
      /^at=error code=H15 desc="Idle connection" .* dyno=web\.1 connect=\d+ms service=\d+ms status=503 bytes=9 /,
    );
    expect(bed.happenings).toMatchObject([{ mark: 'H15', dyno: 'web.1' }]);
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
    const bed = await openBed(dyno.target, { nextByteMs: 2000 });
    expect(await get({ host: '127.0.0.1', port: bed.edge.port }, '/')).toMatchObject({
      status: 200,
      body: '.'.repeat(16),
    });
    expect([await bed.line(), isWhole]).toEqual([expect.stringMatching(/^at=info .* bytes=16 /), true]);
    expect(Number(/service=(\d+)ms/.exec(bed.lines[0] ?? '')?.[1])).toBeGreaterThan(2000);
  });

  test.each([BEGINNING, CHUNK])(
    'H18: broken off after %j; what came is passed on, then the connection is cut',
    async (text) => {
      const dyno = await rawDyno((socket) => socket.once('data', () => socket.end(text)));
      const bed = await openBed(dyno.target);
      const received = await bed.client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').closed();
      expect(received).toMatch(/200 OK[^]*beginning(\r\n)?$/);
      expect(await bed.line()).toMatch(/^sock=backend at=error code=H18 .* status=503 bytes=9 /);
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
    const bed = await openBed(target ?? dyno.target);
    const client = bed
      .client()
      .send(`POST /a HTTP/1.1\r\nHost: a\r\n${field}\r\nhalf`.replace(/half$/, field === '' ? '' : 'half'));
    await eventually(() => expect([bed.edge.openRequests, requests.length]).toEqual([1, target === null ? 1 : 0]));
    client.socket.destroy();
    expect(await bed.line()).toMatch(
      /^sock=client at=warning code=H27 desc="Client Request Interrupted" method=POST .* status=499 /,
    );
    expect(bed.edge.openRequests).toBe(0);
    expect(bed.happenings).toMatchObject([{ mark: 'H27' }]);
    await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  });

  test('in the middle of the answer: H27', async () => {
    const dyno = await httpDyno((_, response) => void response.write('beginning'));
    const bed = await openBed(dyno.target);
    const client = bed.client().send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('beginning');
    client.reset();
    expect(await bed.line()).toMatch(/code=H27 .* status=499 bytes=9 /);
    await eventually(() => expect(dyno.sockets.every(({ destroyed }) => destroyed)).toBe(true));
  });

  test('that sends no more of its body: H28', async () => {
    const dyno = await httpDyno(() => {});
    const bed = await openBed(dyno.target, { nextByteMs: 40 });
    const client = bed.client().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nsome');
    await client.closed();
    expect(await bed.line()).toMatch(/^at=warning code=H28 desc="Client Connection Idle" .* status=499 /);
  });

  test('with nonsense is told so, and no dyno is asked', async () => {
    const dyno = await httpDyno((_, response) => response.end());
    const bed = await openBed(dyno.target);
    expect(await bed.client().send('NONSENSE\r\n\r\n').closed()).toMatch(/^HTTP\/1\.1 400 /);
    expect(dyno.sockets).toEqual([]);
  });
});

describe('a dyno that refuses the connection was sent nothing', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';

  test('so another dyno has the request, which chance may name late', async () => {
    const dyno = await httpDyno((request, response) => void request.pipe(response));
    const refusing = web(await freePort());
    const targets = [refusing, refusing, refusing, dyno.target];
    const bed = await openBed(() => targets.shift() ?? dyno.target);
    const client = bed.client().send(POST);
    await client.until(/200 OK[^]*body/);
    expect(await bed.line()).toMatch(/^at=info /);
  });

  test('so the request is held when one boots in its place', async () => {
    const dyno = await httpDyno((request, response) => void request.pipe(response));
    const refusing = web(await freePort());
    const targets: Target[] = [refusing];
    const bed = await openBed(() => targets.shift() ?? { kind: 'booting' });
    const client = bed.client().send(POST);
    await eventually(() => expect([bed.edge.openRequests, targets]).toEqual([1, []]));
    bed.move(dyno.target);
    await client.until(/200 OK[^]*body/);
    expect(await bed.line()).toMatch(/^at=info .* dyno=web\.1 /);
  });

  test('and H10 it is when it has crashed by then', async () => {
    const targets = [web(await freePort())];
    const bed = await openBed(() => targets.shift() ?? { kind: 'none', code: 'H10' });
    await expectCode(bed, 'H10');
    expect(await bed.line()).toMatch(/ dyno= connect= service= status=503 /);
  });
});

test('a page for a request with a body leaves the connection as good as before', async () => {
  const bed = await openBed({ kind: 'none', code: 'H14' });
  const client = bed
    .client()
    .send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until(/503 [^]*H14[^]*503 [^]*H14/);
});
