// What each takes while nothing happens: memory and CPU with 3 and with 50 children. Takes 6 minutes.
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MIB } from '../../memory/figures.js';
import { BARE } from '../bare.js';
import { dynoEnv } from '../dyno-env.js';
import { cpuMsOf, memoryOf, ownPids } from '../owned.js';
import { Run, now } from '../run.js';
import { cell, spreadOf } from '../spread.js';

const CHILD = `perl ${fileURLToPath(new URL('../resting.pl', import.meta.url))}`;
const COUNTS = [3, 50];
const UP_WITHIN_MS = 30_000;
const FULL = { rounds: 3, settleMs: 20_000, watchMs: 20_000 };
const QUICK = { rounds: 1, settleMs: 5000, watchMs: 5000 };
const KINDS = ['private', 'dirty', 'rss'];

export async function rest({ peers, say, isQuick }) {
  const all = [...peers.flatMap(variantsOf), BARE];
  const looks = new Map(all.map(({ name }) => [name, { 3: [], 50: [] }]));
  const { rounds, ...waits } = isQuick ? QUICK : FULL;
  for (let round = 0; round < rounds; round += 1) {
    for (const count of COUNTS) {
      say(`${count} children, round ${round + 1}`);
      for (const [name, look] of await lookAtAll(all, count, waits)) looks.get(name)[count].push(look);
    }
  }
  const data = Object.fromEntries(all.map(({ name }) => [name, summaryOf(looks.get(name))]));
  return {
    title: 'At rest: memory and CPU of the supervisor itself',
    rows: [HEADS, ...Object.entries(data).map(([name, found]) => [name, ...cellsOf(found)])],
    notes: NOTES,
    data,
  };
}

function variantsOf(peer) {
  if (peer.name !== 'mstdn-supervise') return [peer];
  const line = (setup) => {
    const { env, ...rest } = peer.line(setup);
    return { ...rest, env: { ...env, SUPERVISE_MEMORY_GUARD: 'off' } };
  };
  return [peer, { ...peer, name: `${peer.name}, no guard`, line }];
}

/** Started one after the other, then all at the same time: [name, { memory, cpuMs a minute }]. */
async function lookAtAll(peers, count, { settleMs, watchMs }) {
  const runs = [];
  for (const peer of peers) {
    const run = new Run(peer, { count, program: CHILD, env: await dynoEnv() });
    runs.push({ name: peer.name, run, isUp: (await run.untilNoted('up', count, UP_WITHIN_MS)).length >= count });
  }
  await pause(settleMs);
  const looks = runs.map(({ run }) => lookAt(run));
  await pause(watchMs);
  const found = runs.flatMap(({ name, run, isUp }, index) =>
    isUp ? [[name, { memory: looks[index].memory, cpuMs: perMinute(run, looks[index]) }]] : [],
  );
  for (const { run } of runs) run.discard();
  return found;
}

function lookAt(run) {
  const pids = ownPids(run);
  return { memory: memoryOf(pids), cpuMs: cpuMsOf(pids), atMs: now() };
}

function perMinute(run, { cpuMs, atMs }) {
  return ((cpuMsOf(ownPids(run)) - cpuMs) * 60_000) / (now() - atMs);
}

function summaryOf(looks) {
  const of = (count) => {
    const sizes = KINDS.map((kind) => [kind, spreadOf(looks[count].map(({ memory }) => memory[kind]))]);
    return { ...Object.fromEntries(sizes), cpuMs: spreadOf(looks[count].map(({ cpuMs }) => cpuMs)) };
  };
  const [of3, of50] = COUNTS.map(of);
  const perChild = (kind) => (of3[kind] && of50[kind] ? (of50[kind].median - of3[kind].median) / 47 : null);
  return { of3, of50, perChild: { private: perChild('private'), dirty: perChild('dirty') } };
}

function cellsOf({ of3, of50, perChild }) {
  const sizes = (found) => KINDS.map((kind) => cell(found[kind], { unit: 'MB', digits: 1, per: MIB }));
  const each = KINDS.slice(0, 2).map((kind) =>
    perChild[kind] === null ? '—' : `${(perChild[kind] / 1024).toFixed(0)} kB`,
  );
  const cpu = [of3, of50].map(({ cpuMs }) => cell(cpuMs, { unit: 'ms', digits: 1 }));
  return [...sizes(of3), ...sizes(of50), ...each, ...cpu];
}

const HEADS = [
  '',
  ...COUNTS.flatMap((count) => [`private, ${count} children`, `of it dirty, ${count}`, `RSS, ${count}`]),
  'private for each added child',
  'of it dirty',
  'CPU in a minute, 3 children',
  'CPU in a minute, 50',
];

const NOTES = [
  `All processes of the peer but the children, ${FULL.settleMs / 1000} s after the last of them came up. "private": what no other process has mapped, clean and dirty; "dirty": what of that cannot be dropped, and so not the text of a program, whoever else runs it. RSS counts shared pages in full, once for each process. ${FULL.rounds} rounds.`,
  'Only the dirty part can be compared between all: the peers run at the same time, so for those on Node nothing of its binary is private, for ruby-foreman and supervisord all of theirs is. In a dyno the text of Ruby is shared with puma and sidekiq, that of Python with nobody, that of Node with streaming and only while that runs: what it then takes is in the whole dyno, below, where the node of ours is counted in full.',
  `CPU: of ${FULL.watchMs / 1000} s in each round, scaled to a minute.`,
  'The added child is the difference of 50 and 3 children, divided by 47.',
  'The children are ready (one answers on PORT, the others touch the file that sidekiq touches); the memory guard of ours is on, with a quota of 512M, and looks at all of them. The row without it: SUPERVISE_MEMORY_GUARD=off.',
  'bare node: a script of five lines that spawns the children, which is what Node itself takes.',
];
