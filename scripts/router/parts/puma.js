// One puma with a Rails app, asked directly, through us and through nginx.
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../quietly.js';
import { freePort } from '../../free-port.js';
import { makeInstance } from '../../memory/instance.js';
import { atLeast, atMost } from '../goals.js';
import { startNginx } from '../nginx.js';
import { startOurs } from '../ours.js';
import { inRounds } from '../rounds.js';
import { addedMs, count, exactRatio, ms, ratio, us } from '../units.js';
import { loadOf } from '../wrk.js';

/** Judged: as many connections as puma has threads, with a short action and with a longer one. */
const LOADS = [
  { path: '/context', connections: 5, rounds: 13, seconds: 1, isJudged: true },
  { path: '/home', connections: 5, rounds: 7, seconds: 2, isJudged: true },
  { path: '/health', connections: 5, rounds: 5, seconds: 1 },
  { path: '/context', connections: 1, rounds: 5, seconds: 1 },
  { path: '/context', connections: 16, rounds: 3, seconds: 3 },
];
/** Some thousand requests, after which V8 has compiled what is asked of it in every request. */
const WARM_UP = { path: '/health', connections: 5, seconds: 5 };

export async function puma(say) {
  const targets = await start();
  const [context, home] = await Promise.all(['/context', '/home'].map((path) => kilobytesOf(targets[0], path)));
  for (const target of targets) await loadOf(target, WARM_UP);
  const found = [];
  for (const load of LOADS) {
    found.push(await inRounds(targets, load));
    say(`${load.path} with ${load.connections} connections is measured`);
  }
  for (const { stop } of targets.slice(1)) await stop();
  const errors = found.flat().reduce((sum, target) => sum + target.errors, 0);
  return {
    title: `Real puma, 5 threads; Rails actions that give ${context} KB of JSON (/context) and ${home} KB (/home), and /health`,
    rows: [
      ['', 'connections', 'requests/s', 'of direct', 'p50', 'added', 'p99', 'added', 'its CPU a request', 'errors'],
      ...LOADS.flatMap((load, index) => found[index].map((target) => rowOf(load, target))),
    ],
    goals: [
      ...LOADS.flatMap((load, index) => (load.isJudged ? goalsOf(load, found[index][1]) : [])),
      atMost('errors', errors, 0, count),
    ],
    found,
  };
}

function goalsOf({ path, connections }, { ofFirst, p50AddedMs, quartiles }) {
  const load = `${path} with ${connections} connections`;
  return [
    atLeast(`${load}, requests/s of direct`, ofFirst, 0.97, exactRatio, quartiles.ofFirst),
    atMost(`${load}, p50 added`, p50AddedMs, 1, addedMs, quartiles.p50AddedMs),
  ];
}

async function kilobytesOf({ port }, path) {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!reply.ok) throw new Error(`puma answers ${path} with ${reply.status}`);
  return Math.round((await reply.arrayBuffer()).byteLength / 1024);
}

/** puma is our child, and the others reach the same one. */
async function start() {
  const { folder, env } = await makeInstance();
  cpSync(join(root, 'scripts/router/app'), folder, { recursive: true });
  const port = await freePort();
  const bench = { RUN_WORKER: '', SUPERVISE_ROUTER: 'true', BENCH_PORT: `${port}`, BENCH_FOLDER: folder };
  const ours = await startOurs({ folder, env: { ...env, ...bench } });
  const nginx = await startNginx({ puma: readFileSync(join(folder, 'socket'), 'utf8') });
  return [{ name: 'direct', port }, ours, nginx];
}

function rowOf({ path, connections }, target) {
  const { name, rps, ofFirst, p50Ms, p50AddedMs, p99Ms, p99AddedMs, cpuUs, errors } = target;
  const isFirst = name === 'direct';
  const compared = (text) => (isFirst ? '' : text);
  return [
    `${path}, ${name}`,
    connections,
    count(rps),
    compared(ratio(ofFirst)),
    ms(p50Ms),
    compared(addedMs(p50AddedMs)),
    ms(p99Ms),
    compared(addedMs(p99AddedMs)),
    us(cpuUs),
    errors,
  ];
}
