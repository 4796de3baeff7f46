// One puma with a Rails app: requests to it directly, through the supervisor and through nginx.
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/free-port.js';
import { makeInstance } from '../dyno/instance.ts';
import { microseconds, milliseconds, ratio, signedMs, wholeNumber } from '../report/format.ts';
import type { Row } from '../report/markdown.ts';
import { sum } from '../report/statistics.ts';
import { runLoad } from './load.ts';
import { startNginx, startSupervisor } from './proxies.ts';
import type { Proxy, Target } from './proxies.ts';
import { atLeast, atMost } from './report.ts';
import type { Goal, PartResult } from './report.ts';
import { measureInRounds } from './rounds.ts';
import type { TargetFigures } from './rounds.ts';

type PumaLoad = { path: string; connections: number; rounds: number; seconds: number; hasGoal?: boolean };
type Measured = { load: PumaLoad; figures: TargetFigures[] };

const APP = fileURLToPath(new URL('app', import.meta.url));
/** The goals are for as many connections as puma has threads, with a short action and with a longer one. */
const LOADS: readonly PumaLoad[] = [
  { path: '/context', connections: 5, rounds: 13, seconds: 1, hasGoal: true },
  { path: '/home', connections: 5, rounds: 7, seconds: 2, hasGoal: true },
  { path: '/health', connections: 5, rounds: 5, seconds: 1 },
  { path: '/context', connections: 1, rounds: 5, seconds: 1 },
  { path: '/context', connections: 16, rounds: 3, seconds: 3 },
];
/** Some thousand requests: V8 has then compiled the code that runs for every request. */
const WARM_UP = { path: '/health', connections: 5, seconds: 5 };
const HEADINGS = [
  '',
  'connections',
  'requests/s',
  'of direct',
  'p50',
  'added',
  'p99',
  'added',
  'its CPU a request',
  'errors',
];

export async function puma(say: (text: string) => void): Promise<PartResult> {
  const { direct, proxies } = await start();
  const targets = [direct, ...proxies];
  const [context, home] = [await kilobytesOf(direct, '/context'), await kilobytesOf(direct, '/home')];
  for (const target of targets) await runLoad(target, WARM_UP);
  const found: Measured[] = [];
  for (const load of LOADS) {
    const { path, connections, rounds, seconds } = load;
    found.push({ load, figures: await measureInRounds(targets, { path, connections, rounds, seconds }) });
    say(`${path} with ${connections} connections is measured`);
  }
  for (const { stop } of proxies) await stop();
  return {
    title: `Real puma, 5 threads; Rails actions that give ${context} KB of JSON (/context) and ${home} KB (/home), and /health`,
    rows: [HEADINGS, ...found.flatMap(({ load, figures }) => figures.map((target) => rowOf(load, target)))],
    goals: goalsOf(found),
    found: found.map(({ figures }) => figures),
  };
}

/** The supervisor starts puma; the other targets reach the same one. */
async function start(): Promise<{ direct: Target; proxies: Proxy[] }> {
  const { folder, env } = await makeInstance();
  cpSync(APP, folder, { recursive: true });
  const port = await freePort();
  const bench = { RUN_WORKER: '', SUPERVISE_ROUTER: 'true', BENCH_PORT: `${port}`, BENCH_FOLDER: folder };
  const supervisor = await startSupervisor({ folder, env: { ...env, ...bench } });
  const nginx = await startNginx({ puma: readFileSync(join(folder, 'socket'), 'utf8') });
  return { direct: { name: 'direct', port }, proxies: [supervisor, nginx] };
}

async function kilobytesOf({ port }: Target, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!response.ok) throw new Error(`puma responds to ${path} with ${response.status}`);
  return Math.round((await response.arrayBuffer()).byteLength / 1024);
}

function goalsOf(found: readonly Measured[]): Goal[] {
  const goals = found.flatMap(({ load, figures: [, supervisor] }) => {
    if (load.hasGoal !== true || supervisor === undefined) return [];
    const { ofFirst, p50AddedMs, quartiles } = supervisor;
    const name = `${load.path} with ${load.connections} connections`;
    const exactRatio = (value: number) => ratio(value, 3);
    return [
      atLeast(0.97, `${name}, requests/s of direct`, {
        value: ofFirst,
        show: exactRatio,
        quartiles: quartiles.ofFirst,
      }),
      atMost(1, `${name}, p50 added`, { value: p50AddedMs, show: signedMs, quartiles: quartiles.p50AddedMs }),
    ];
  });
  const errors = sum(found.flatMap(({ figures }) => figures.map((target) => target.errors)));
  return [...goals, atMost(0, 'errors', { value: errors, show: wholeNumber })];
}

function rowOf({ path, connections }: PumaLoad, target: TargetFigures): Row {
  const { name, rps, ofFirst, p50Ms, p50AddedMs, p99Ms, p99AddedMs, cpuUs, errors } = target;
  const compared = (text: string) => (name === 'direct' ? '' : text);
  return [
    `${path}, ${name}`,
    connections,
    wholeNumber(rps),
    compared(ratio(ofFirst)),
    milliseconds(p50Ms, 1),
    compared(signedMs(p50AddedMs)),
    milliseconds(p99Ms, 1),
    compared(signedMs(p99AddedMs)),
    microseconds(cpuUs),
    errors,
  ];
}
