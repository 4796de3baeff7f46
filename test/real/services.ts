import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { tempFolder } from '../harness/dyno.ts';
import { freePort } from '../simulator/free-port.ts';

export type Redis = {
  url: string;
  /** Sends one command; returns the lines of the reply. */
  ask(...words: readonly string[]): string[];
};

/** Starts a Redis for this test, on a socket in a temporary folder, without persistence. */
export async function startRedis(): Promise<Redis> {
  const folder = tempFolder();
  const socket = join(folder, 'redis');
  const server = spawnServer(
    [],
    ['redis-server', '--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder],
  );
  onTestFinished(() => stop(server, 'SIGKILL'));
  const ask = (...words: readonly string[]): string[] => lines(capture('redis-cli', ['-s', socket, ...words]));
  await eventually(() => {
    if (ask('ping')[0] !== 'PONG') throw new Error('redis does not answer');
  });
  return { url: `unix://${socket}`, ask };
}

export type TlsRedis = {
  port: number;
  /** The self-signed certificate for `localhost`. */
  certificateFile: string;
};

/** Starts a Redis for this test that accepts only TLS, on a loopback port. */
export async function startTlsRedis(): Promise<TlsRedis> {
  const [folder, port] = [tempFolder(), await freePort()];
  const [certificateFile, keyFile] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
  const files = ['-keyout', keyFile, '-out', certificateFile];
  capture('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files]);
  const tls = ['--tls-port', `${port}`, '--tls-cert-file', certificateFile, '--tls-key-file', keyFile];
  const options = ['--tls-auth-clients', 'no', '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const server = spawnServer([], ['redis-server', '--port', '0', ...tls, ...options]);
  onTestFinished(() => stop(server, 'SIGKILL'));
  const ping = ['-p', `${port}`, '--tls', '--cacert', certificateFile, 'ping'];
  await eventually(() => {
    if (lines(capture('redis-cli', ping))[0] !== 'PONG') throw new Error('redis does not answer');
  });
  return { port, certificateFile };
}

export const PASSWORD = 'correct-horse';
export type Database = { url: string; rows(sql: string): string[] };
export type Postgres = { create(name: string, template?: string): Database };

/** Starts a PostgreSQL for this test file, on a socket in a temporary folder. With a port, it also listens on the loopback, and the
 * URLs name that port. Call it outside the tests. */
export function postgresOfThisFile(port?: number): Postgres {
  const folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-test-'));
  const address = port === undefined ? encodeURIComponent(folder) : `127.0.0.1:${port}`;
  const url = (name: string): string => `postgres://app:${PASSWORD}@${address}/${name}`;
  const psql = (name: string, sql: string): string[] => lines(capture('psql', ['-qAtX', url(name), '-c', sql]));
  let server: ChildProcess | undefined;
  beforeAll(async () => {
    server = startPostgres(folder, port);
    await eventually(() => psql('postgres', 'select 1'));
  });
  afterAll(async () => {
    if (server) await stop(server, 'SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    create: (name, template = 'template0') => {
      psql('postgres', `create database ${name} template ${template}`);
      return { url: url(name), rows: (sql) => psql(name, sql) };
    },
  };
}

/** The server refuses to run as root. */
function startPostgres(folder: string, port?: number): ChildProcess {
  const asPostgres = process.getuid?.() === 0 ? ['--reuid=postgres', '--regid=postgres', '--init-groups'] : [];
  if (asPostgres.length > 0) chownSync(folder, Number(capture('id', ['-u', 'postgres'])), -1);
  const data = join(folder, 'data');
  const initdb = [program('initdb'), '-D', data, '-U', 'app', '-A', 'trust', '--no-sync', '--no-locale', '-E', 'UTF8'];
  capture('setpriv', [...asPostgres, '--pdeathsig=KILL', '--', ...initdb]);
  const listenOptions =
    port === undefined ? ['-c', 'listen_addresses='] : ['-c', 'listen_addresses=127.0.0.1', '-p', `${port}`];
  return spawnServer(asPostgres, [program('postgres'), '-D', data, '-k', folder, '-F', ...listenOptions]);
}

function program(name: string): string {
  const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
  return `/usr/lib/postgresql/${versions[0] ?? ''}/bin/${name}`;
}

/** The kernel stops the server when the test process exits, even by SIGKILL. */
function spawnServer(user: readonly string[], command: readonly string[]): ChildProcess {
  return spawn('setpriv', [...user, '--pdeathsig=QUIT', '--', ...command], { stdio: 'ignore', cwd: '/' });
}

async function stop(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  server.kill(signal);
  await eventually(() => {
    if (server.exitCode === null && server.signalCode === null) throw new Error('the server is still there');
  });
}

function capture(file: string, args: readonly string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
