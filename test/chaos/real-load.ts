import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually } from '../harness/eventually.ts';
import type { Dyno } from './dyno.ts';
import type { RealHistory, RealRequestRecord } from './history.ts';
import { now } from './sandbox.ts';
import type { RealRequestKind, RealScenario } from './scenario.ts';

/** Jobs that wait when the dyno starts. */
const FIRST_JOBS = 4;
const CONCURRENT_REQUESTS = 8;
/** Every connection must have broken this long after the end of the dyno. */
const CONNECTIONS_BREAK_MS = 5000;
const POSTED = 'x'.repeat(50_000);

/** A Redis of one scenario in a folder of its own. What it has accepted survives its restart. */
export class Redis {
  readonly url: string;
  readonly #folder: string;
  readonly #socket: string;
  #server: ChildProcess | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.#socket = join(folder, 'redis');
    this.url = `unix://${this.#socket}`;
  }

  async start(): Promise<void> {
    const listens = ['--port', '0', '--unixsocket', this.#socket, '--dir', this.#folder];
    const stores = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no'];
    const words = ['--pdeathsig=KILL', '--', 'redis-server', ...listens, ...stores];
    this.#server = spawn('setpriv', words, { stdio: 'ignore', cwd: '/' });
    await eventually(() => this.run('ping'));
  }

  async stop(): Promise<void> {
    if (this.#server === null || this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    this.#server.kill('SIGTERM');
    await once(this.#server, 'exit');
  }

  /** When it accepted commands again. */
  async restart(downMs: number): Promise<number> {
    await this.stop();
    await pause(downMs);
    await this.start();
    return now();
  }

  /** The reply to one command, line by line. Rejects where Redis has not accepted it. */
  async run(...words: readonly string[]): Promise<string[]> {
    const { stdout } = await promisify(execFile)('redis-cli', ['-e', '-s', this.#socket, ...words], {
      cwd: '/',
      maxBuffer: 1e8,
    });
    return stdout.split('\n').filter((line) => line !== '');
  }
}

/** Enqueues jobs as Sidekiq's client does, until the dyno ends. */
export async function enqueueJobs({ jobs }: RealScenario, redis: Redis, dyno: Dyno): Promise<RealHistory['jobs']> {
  const enqueued: RealHistory['jobs'][number][] = [];
  for (let count = 0; !dyno.isOver; count += 1) {
    const { durationMs = 0, lingerMs = 0 } = jobs.kinds[count % jobs.kinds.length] ?? {};
    const id = randomBytes(12).toString('hex');
    const at = Date.now() / 1000;
    const args = [durationMs / 1000, lingerMs / 1000];
    const job = {
      class: 'RecordingWorker',
      args,
      jid: id,
      queue: 'default',
      retry: true,
      created_at: at,
      enqueued_at: at,
    };
    const isAccepted = await redis.run('lpush', 'queue:default', JSON.stringify(job)).then(
      () => true,
      () => false,
    );
    if (isAccepted) enqueued.push({ id, atMs: now() });
    if (count >= FIRST_JOBS) await pause(jobs.everyMs);
  }
  return enqueued;
}

export async function waitingJobs(redis: Redis): Promise<string[]> {
  const queued = await redis.run('lrange', 'queue:default', '0', '-1');
  const sets = await Promise.all(['retry', 'schedule', 'dead'].map((set) => redis.run('zrange', set, '0', '-1')));
  return [...queued, ...sets.flat()].map((job) => (JSON.parse(job) as { jid: string }).jid);
}

/** Sends requests until the dyno ends, and waits for their responses. Those that found no listener are left out. */
export async function sendRequests({ requests }: RealScenario, port: number, dyno: Dyno): Promise<RealRequestRecord[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENT_REQUESTS });
  const records: RealRequestRecord[] = [];
  const inFlight = new Set<Promise<void>>();
  for (let count = 0; !dyno.isOver; count += 1) {
    const kind = requests.kinds[count % requests.kinds.length];
    if (kind !== undefined && inFlight.size < CONCURRENT_REQUESTS) {
      const sent = send(kind, port, agent, dyno).then((record) => {
        inFlight.delete(sent);
        if (record !== null) records.push(record);
      });
      inFlight.add(sent);
    }
    await pause(requests.everyMs);
  }
  await Promise.all(inFlight);
  agent.destroy();
  return records;
}

/** Null where no process listened. */
function send(kind: RealRequestKind, port: number, agent: Agent, dyno: Dyno): Promise<RealRequestRecord | null> {
  const { durationMs, sizeBytes, isPost, isChunked, keepAlive } = kind;
  const id = randomBytes(6).toString('hex');
  const sentAtMs = now();
  return new Promise((resolve) => {
    const end = (result: RealRequestRecord['result'] | null): void => {
      client.destroy();
      resolve(result && { id, durationMs, sentAtMs, endedAtMs: now(), result });
    };
    const client = request({
      host: '127.0.0.1',
      port,
      method: isPost ? 'POST' : 'GET',
      path: `/echo?id=${id}&ms=${durationMs}&size=${sizeBytes}${isChunked ? '&chunked=1' : ''}`,
      agent: keepAlive ? agent : false,
    });
    void dyno.ended.then(() => setTimeout(() => end('timeout'), CONNECTIONS_BREAK_MS).unref());
    client.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(code === 'ECONNREFUSED' ? null : 'connection-failed'),
    );
    client.once('response', (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text: string) => (body += text));
      response.once('error', () => end('connection-failed')).once('aborted', () => end('connection-failed'));
      response.once('end', () => end({ status: response.statusCode ?? 0, isCorrect: body === bodyOf(kind, id) }));
    });
    client.end(isPost ? POSTED : undefined);
  });
}

/** What real-app/echo.rb sends. */
function bodyOf({ isPost, sizeBytes }: RealRequestKind, id: string): string {
  const filler = id.repeat(Math.ceil(sizeBytes / id.length)).slice(0, sizeBytes);
  return `${id} ${isPost ? POSTED.length : 0}\n${filler}\n${id}`;
}
