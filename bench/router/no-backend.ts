// A backend that costs next to nothing, so that the proxies are what is measured: each on the same core.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/free-port.js';
import { CannotRun } from '../../scripts/quietly.js';
import { temporaryFolder } from '../cleanup.ts';
import { microseconds, milliseconds, ratio, wholeNumber } from '../report/format.ts';
import type { Row } from '../report/markdown.ts';
import { sum } from '../report/statistics.ts';
import { availableCores, startNginx, startSupervisor } from './proxies.ts';
import type { Proxy, Target } from './proxies.ts';
import { atLeast, atMost } from './report.ts';
import type { Goal, PartResult } from './report.ts';
import { measureInRounds } from './rounds.ts';
import type { TargetFigures } from './rounds.ts';

type Cores = { proxy: number; backend: number; load: number };
type Measured = { headers: string; figures: TargetFigures[] };

const BACKEND = fileURLToPath(new URL('backends/fixed.sh', import.meta.url));
const LOAD = { path: '/', connections: 32, rounds: 7, seconds: 1 };
const HEADERS = [
  { headers: 'headers as from the edge', plain: false },
  { headers: 'one header', plain: true },
];
const DEFAULT_THREADS = 5;
const HEADINGS = ['', 'requests/s', 'of nginx', 'p50', 'p99', 'its CPU a request', 'of nginx', 'errors'];

export async function noBackend(say: (text: string) => void): Promise<PartResult> {
  const cores = assignCores();
  const { proxies, direct } = await start(cores);
  const found: Measured[] = [];
  for (const { headers, plain } of HEADERS) {
    const load = { ...LOAD, plain, core: cores.load };
    found.push({ headers, figures: await measureInRounds([...proxies, direct], load) });
    say(`${headers}: is measured`);
  }
  for (const { stop } of proxies) await stop();
  return {
    title: `A bare backend that gives 2 KB, the proxies on one core, ${LOAD.connections} connections`,
    rows: [HEADINGS, ...found.flatMap(({ headers, figures }) => figures.map((target) => rowOf(headers, target)))],
    goals: goalsOf(found),
    found: found.map(({ figures }) => figures),
  };
}

function assignCores(): Cores {
  const [proxy, backend, load = backend] = availableCores();
  if (proxy === undefined || backend === undefined || load === undefined) throw new CannotRun('bare needs two cores');
  return { proxy, backend, load };
}

/**
 * The router keeps as many connections as puma has threads; each request beyond that opens its own. So there are two: with as
 * many threads as connections, all of which nginx keeps as well, and with puma's default.
 */
async function start(cores: Cores): Promise<{ proxies: Proxy[]; direct: Target }> {
  const ports = [await freePort(), await freePort()] as const;
  const [many, few] = await Promise.all([
    startRouter(LOAD.connections, ports[0], cores),
    startRouter(DEFAULT_THREADS, ports[1], cores),
  ]);
  const nginx = await startNginx({ puma: many.socket, core: cores.proxy });
  const fewThreads = { ...few.proxy, name: `${few.proxy.name}, MAX_THREADS=${DEFAULT_THREADS}` };
  return { proxies: [nginx, many.proxy, fewThreads], direct: { name: 'no proxy', port: ports[0] } };
}

async function startRouter(threads: number, port: number, cores: Cores): Promise<{ proxy: Proxy; socket: string }> {
  const folder = temporaryFolder();
  const env = {
    SUPERVISE_ROUTER: 'true',
    MAX_THREADS: `${threads}`,
    PUMA_COMMAND: `sh '${BACKEND}'`,
    BENCH_FOLDER: folder,
    BENCH_PORT: `${port}`,
    BENCH_CORE: `${cores.backend}`,
  };
  const proxy = await startSupervisor({ folder, env, core: cores.proxy });
  return { proxy, socket: readFileSync(join(folder, 'socket'), 'utf8').trim() };
}

function goalsOf(found: readonly Measured[]): Goal[] {
  const goals = found.flatMap(({ headers, figures: [, supervisor] }) => {
    if (supervisor === undefined) return [];
    const { ofFirst, quartiles } = supervisor;
    const show = (value: number) => ratio(value, 3);
    return [atLeast(0.5, `${headers}, of nginx`, { value: ofFirst, show, quartiles: quartiles.ofFirst })];
  });
  const errors = sum(found.flatMap(({ figures }) => figures.map((target) => target.errors)));
  return [...goals, atMost(0, 'errors', { value: errors, show: wholeNumber })];
}

function rowOf(headers: string, target: TargetFigures): Row {
  const { name, rps, ofFirst, p50Ms, p99Ms, cpuUs, cpuOfFirst, errors } = target;
  return [
    `${headers}, ${name}`,
    wholeNumber(rps),
    ratio(ofFirst),
    milliseconds(p50Ms, 1),
    milliseconds(p99Ms, 1),
    microseconds(cpuUs),
    Number.isNaN(cpuOfFirst) ? '' : ratio(cpuOfFirst),
    errors,
  ];
}
