import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually } from '../harness/eventually.ts';
import type { Dyno } from './dyno.ts';
import type { RealHistory, RealRequestRecord, RequestRecord } from './history.ts';
import type { RealRequestKind, RealScenario } from './real-scenario.ts';
import { now } from './sandbox.ts';
import type { RequestKind } from './scenario.ts';

/** Jobs that wait when the dyno starts. */
const FIRST_JOBS = 4;
const CONCURRENT_REQUESTS = 8;
/** Every connection must have broken this long after the end of the dyno. */
const REAL_CONNECTIONS_BREAK_MS = 5000;
/** Where the kernel had to drop a packet it sends it again after 0.2 s, 0.4 s, 0.8 s and so on. */
const CONNECTIONS_BREAK_MS = 12_000;
const REAL_POSTED = 'x'.repeat(50_000);
const POSTED = `${'.'.repeat(100_000)}the end.`;

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

  /** untilMs: when it accepted commands again. */
  async restart(downMs: number): Promise<{ untilMs: number }> {
    await this.stop();
    await pause(downMs);
    await this.start();
    return { untilMs: now() };
  }

  /** The reply to one command, line by line. Rejects where Redis has not accepted it. */
  async run(...words: readonly string[]): Promise<string[]> {
    const options = { cwd: '/', maxBuffer: 1e8 };
    const { stdout } = await promisify(execFile)('redis-cli', ['-e', '-s', this.#socket, ...words], options);
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
    const call = { class: 'RecordingWorker', args: [durationMs / 1000, lingerMs / 1000], jid: id };
    const job = JSON.stringify({ ...call, queue: 'default', retry: true, created_at: at, enqueued_at: at });
    const reply = await redis.run('lpush', 'queue:default', job).catch(() => null);
    if (reply !== null) enqueued.push({ id, atMs: now() });
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
  const records: Promise<RealRequestRecord | null>[] = [];
  let inFlight = 0;
  for (let count = 0; !dyno.isOver; count += 1) {
    const kind = requests.kinds[count % requests.kinds.length];
    if (kind !== undefined && inFlight < CONCURRENT_REQUESTS) {
      inFlight += 1;
      records.push(sendRealRequest(kind, port, agent, dyno).finally(() => (inFlight -= 1)));
    }
    await pause(requests.everyMs);
  }
  const all = await Promise.all(records);
  agent.destroy();
  return all.filter((record) => record !== null);
}

/** Null where no process listened. */
async function sendRealRequest(
  { durationMs, sizeBytes, isPost, isChunked, keepAlive }: RealRequestKind,
  port: number,
  agent: Agent,
  dyno: Dyno,
): Promise<RealRequestRecord | null> {
  const id = randomBytes(6).toString('hex');
  const path = `/echo?id=${id}&ms=${durationMs}&size=${sizeBytes}${isChunked ? '&chunked=1' : ''}`;
  const posted = isPost ? REAL_POSTED : '';
  const options = { port, path, agent: keepAlive ? agent : false };
  const { result, ...times } = await exchange(dyno, options, posted, REAL_CONNECTIONS_BREAK_MS);
  if (result === 'refused') return null;
  const record = { id, durationMs, ...times };
  if (typeof result === 'string') return { ...record, result };
  const { status, isComplete, body } = result;
  if (!isComplete) return { ...record, result: 'connection-failed' };
  // What real-app/echo.rb sends.
  const filler = id.repeat(Math.ceil(sizeBytes / id.length)).slice(0, sizeBytes);
  const isCorrect = body === `${id} ${posted.length}\n${filler}\n${id}`;
  return { ...record, result: { status, isComplete, isCorrect } };
}

export async function sendRequest(dyno: Dyno, port: number, kind: RequestKind, id: string): Promise<RequestRecord> {
  const upgrade = kind === 'upgrade' ? { Connection: 'Upgrade', Upgrade: 'x' } : {};
  const path = kind === 'stream' ? '/api/v1/streaming/user' : `/${kind}`;
  const options = { port, path, headers: { 'X-Request-Id': id, ...upgrade }, agent: false };
  const { result, ...times } = await exchange(dyno, options, kind === 'post' ? POSTED : '', CONNECTIONS_BREAK_MS);
  const record = { request: kind, id, ...times };
  if (typeof result === 'string') return { ...record, result: result === 'refused' ? 'connection-failed' : result };
  const { status, isComplete, echo, body } = result;
  const bodies: { [kind in RequestKind]: string } = {
    echo: `echo ${id}`,
    upgrade: `echo ${id}`,
    slow: `slow ${id} ${'x'.repeat(2000)}`,
    big: `${id} `.repeat(20_000),
    post: `post ${id} ${POSTED.length} the end.`,
    stream: [4, 3, 2, 1].map((left) => `data: ${id} ${left}\n\n`).join(''),
  };
  const isCorrect = status === 200 && echo === id && body === bodies[kind];
  return { ...record, result: { status, isComplete, isCorrect } };
}

type Response = { status: number; isComplete: boolean; echo: unknown; body: string };
type Exchange = {
  sentAtMs: number;
  endedAtMs: number;
  result: Response | 'refused' | 'connection-failed' | 'timeout';
};

/** posted: the body of a POST; empty for a GET. */
function exchange(dyno: Dyno, options: RequestOptions, posted: string, breaksWithinMs: number): Promise<Exchange> {
  const sentAtMs = now();
  return new Promise((resolve) => {
    const end = (result: Exchange['result']): void => {
      client.destroy();
      resolve({ sentAtMs, endedAtMs: now(), result });
    };
    const client = request({ host: '127.0.0.1', method: posted === '' ? 'GET' : 'POST', ...options });
    void dyno.ended.then(() => setTimeout(() => end('timeout'), breaksWithinMs).unref());
    client.on('error', ({ code }: NodeJS.ErrnoException) =>
      end(code === 'ECONNREFUSED' ? 'refused' : 'connection-failed'),
    );
    client.once('response', (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text: string) => (body += text));
      response.on('error', () => {}); // It closes then.
      const { statusCode: status = 0, headers } = response;
      response.once('close', () => end({ status, isComplete: response.complete, echo: headers['x-echo'], body }));
    });
    client.end(posted);
  });
}
