import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { binary, startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { oldestAndNewest } from '../harness/nodes.ts';
import { freePort } from '../simulator/free-port.ts';
import { get } from '../simulator/get.ts';
import { events, lastLogMessage } from './dyno-fixture.ts';

const OK = String.raw`print $c "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"; close $c`;
/** Responds to HTTP on its socket, in Perl: Node itself needs many descriptors. Requests for /wait get no response. */
const PUMA = `use IO::Socket::UNIX; print STDERR "puma runs\\n"; my @waiting;
my $server = IO::Socket::UNIX->new(Local => $ENV{SOCKET}, Listen => 50) or die $!;
while (my $c = $server->accept) { my $line = <$c>; if ($line =~ m{ /wait }) { push @waiting, $c; next } ${OK} }`;

const LIMIT =
  /open files \(ulimit -n\): the limit of (\d+) allows (\d+) client connections?\b.*LimitNOFILE=65536.*--ulimit/;
const REFUSED =
  /^mstdn-supervise: open files \(ulimit -n\): the limit of (\d+) is too low, .* at least (\d+); .*--ulimit/m;

type Limited = { dyno: Dyno; port: number };

/** A web dyno with a router, under a limit of open files. stdout and stderr are sockets, which need the most descriptors. */
async function startUnder(limit: number, node = process.execPath): Promise<Limited> {
  const [port, cwd] = [await freePort(), tempFolder()];
  writeFileSync(join(cwd, 'puma.pl'), PUMA);
  const env = { PORT: `${port}`, BIND: '127.0.0.1', SUPERVISE_ROUTER: 'true', PUMA_COMMAND: 'perl puma.pl' };
  const dyno = startDyno({
    cwd,
    env,
    command: ['sh', '-c', `ulimit -n ${limit} && exec "$0" "$@"`, node, binary, 'web'],
  });
  return { dyno, port };
}

async function stopped(dyno: Dyno): Promise<void> {
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(lastLogMessage(dyno)).toMatch(/exit code 0$/);
}

/** A client whose request gets no response. */
function waitingClient(port: number): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n'));
  onTestFinished(() => void socket.destroy());
  return socket.on('error', () => {});
}

describe.each(oldestAndNewest)('on node $major', ({ path: node }) => {
  test.each([24, 28, 32, 36, 40, 44, 48, 64, 128, 256, 1023])(
    'a limit of %s open files: the dyno serves and warns, or reports why it does not start',
    async (limit) => {
      const { dyno, port } = await startUnder(limit, node);
      await Promise.race([dyno.waitForOutput(/puma is ready/), dyno.exited]);
      const [, refusedAt, needed] = REFUSED.exec(dyno.output) ?? [];
      if (refusedAt === undefined) {
        expect(limit).toBeGreaterThanOrEqual(36);
        expect(LIMIT.exec(dyno.output)?.[1]).toBe(String(limit));
        expect(await get({ host: '127.0.0.1', port }, '/')).toMatchObject({ status: 200 });
        return stopped(dyno);
      }
      expect(limit).toBeLessThan(48);
      expect(Number(refusedAt)).toBe(limit);
      expect(Number(needed)).toBeGreaterThan(limit);
      expect(await dyno.exited).toEqual({ code: 78, signal: null });
      expect(dyno.output).toContain('nothing was started; exit code 78');
      expect(dyno.output).not.toContain('puma runs');
    },
  );

  test.each([12, 16, 20])('a limit of %s, at which Node itself may crash, starts nothing', async (limit) => {
    const { dyno } = await startUnder(limit, node);
    expect((await dyno.exited).code).not.toBe(0);
    expect(dyno.output).not.toContain('puma runs');
  });
});

test('the lowest limit that is not refused serves, and one less is refused', async () => {
  const [, , needed] = REFUSED.exec(await outputUnder(24)) ?? [];
  const { dyno, port } = await startUnder(Number(needed));
  await dyno.waitForOutput(/puma is ready/);
  expect(LIMIT.exec(dyno.output)?.slice(1, 3)).toEqual([needed, '1']);
  expect(await get({ host: '127.0.0.1', port }, '/')).toMatchObject({ status: 200 });
  await stopped(dyno);
  expect(await outputUnder(Number(needed) - 1)).toMatch(REFUSED);
});

async function outputUnder(limit: number): Promise<string> {
  const { dyno } = await startUnder(limit);
  await dyno.exited;
  return dyno.output;
}

test('a limit of 1024 needs no warning', async () => {
  const { dyno } = await startUnder(1024);
  await dyno.waitForOutput(/puma is ready/);
  await stopped(dyno);
  expect(dyno.output).not.toContain('open files');
});

test('a worker and a release report the limit too', async () => {
  for (const [role, last] of [
    ['worker', 'SIDEKIQ_COMMAND'],
    ['release', 'AFTER_MIGRATE_COMMAND'],
  ] as const) {
    const env = { MIGRATE_COMMAND: 'true', [last]: `sh -c 'exit 3'` };
    for (const [limit, end, text] of [
      [26, 78, REFUSED],
      [64, 3, /the limit of 64 is below 1024, .*child processes.*LimitNOFILE=65536/],
    ] as const) {
      const script = `ulimit -n ${limit} && exec "$0" "$@"`;
      const dyno = startDyno({ env, command: ['sh', '-c', script, process.execPath, binary, role] });
      expect(await dyno.exited).toEqual({ code: end, signal: null });
      expect(dyno.output).toMatch(text);
    }
  }
});

test('at a limit of 64 the number of clients in the warning is served at once, and one more is logged', async () => {
  const { dyno, port } = await startUnder(64);
  await dyno.waitForOutput(/puma is ready/);
  const maxClients = Number(LIMIT.exec(dyno.output)?.[2]);
  expect(maxClients).toBeGreaterThanOrEqual(5);
  const clients = Array.from({ length: maxClients - 1 }, () => waitingClient(port));
  await eventually(() => expect(clients.every((socket) => socket.bytesWritten > 0)).toBe(true));
  expect(await get({ host: '127.0.0.1', port }, '/')).toMatchObject({ status: 200 });
  await eventually(() => {
    const client = waitingClient(port); // again until the served client has disconnected
    clients.push(client);
    expect(dyno.output).toMatch(new RegExp(`closed a new connection: all ${maxClients} connections are in use`));
  });
  for (const client of clients) client.destroy();
  await eventually(async () => expect(await get({ host: '127.0.0.1', port }, '/')).toMatchObject({ status: 200 }));
  await stopped(dyno);
  expect(dyno.output).not.toMatch(/EMFILE|exited unexpectedly|internal error/);
});

/** A reader of stdout that exits once it has seen the child started. */
const LEAVES = 'exec "$@" > >(exec sed -u "/puma started/q" >&2)';

test.each([
  ['stdout, a pipe', 'exec "$@" > >(exec cat)'],
  ['stderr, a pipe, for the reader of stdout has exited', `${LEAVES} 2> >(exec cat >&2)`],
  ['stderr, a socket, for the reader of stdout has exited', LEAVES],
])('without any free descriptor the last line goes to %s', async (_, redirect) => {
  const env = { PUMA_COMMAND: 'sleep 1000' };
  const dyno = startDyno({ env, command: ['bash', '-c', redirect, 'bash', process.execPath, binary, 'web'] });
  await dyno.waitForOutput(/puma started/);
  expect(spawnSync('prlimit', ['--pid', `${dyno.pid}`, '--nofile=3:3']).status).toBe(0);
  dyno.signal('SIGTERM');
  expect((await dyno.exited).signal).toBeNull();
  expect(events(dyno).at(-1)).toMatchObject({ event: 'outcome' });
});
