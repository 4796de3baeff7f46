import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { comesToRest, commandLine, ofDyno, signalIfAlive, type Seen } from '../harness/processes.ts';
import { ask } from './ask.ts';
import { canStep } from './dyno-env.ts';
import { parseLedger, tellsEnd, workersIn, type Answer, type Entry } from './record.ts';
import type { Reader } from './reader.ts';
import type { ChildName, Deed, Whom } from './story.ts';

/** A dyno under way, and what can be done to it. */
export type Scene = {
  supervisor: ChildProcess & { pid: number };
  marker: string;
  seen: Seen;
  folder: string;
  port: number;
  reader: Reader;
  answers: Promise<Answer>[];
  giveUp: AbortSignal;
};

/** To whom it was done; null where there was nobody to do it to. */
export function perform(what: Deed, scene: Scene): number[] | null {
  switch (what.do) {
    case 'stop':
      return stop(what, scene);
    case 'tell':
      return send(what.signal, targets(what.whom, scene));
    case 'kill':
      return send('SIGKILL', targets(what.whom, scene));
    case 'freeze':
      return freeze(targets(what.whom, scene), scene.folder);
    case 'thaw':
      return send('SIGCONT', targets(what.whom, scene));
    case 'stall':
    case 'read':
    case 'close':
      return scene.reader.turn(what.do) ? [] : null;
    case 'ask':
      scene.answers.push(ask(scene.port, what.for, `${scene.marker}-${scene.answers.length}`, scene.giveUp));
      return [];
    case 'step':
      return canStep ? setClock(scene.folder, what.byS) : null;
  }
}

/** Seconds from the true time. */
export function setClock(folder: string, byS: number): number[] {
  writeFileSync(join(folder, 'clock.new'), `${byS < 0 ? '' : '+'}${byS}`);
  renameSync(join(folder, 'clock.new'), join(folder, 'clock'));
  return [];
}

function stop({ signal, to }: Deed & { do: 'stop' }, { supervisor, marker, seen }: Scene): number[] | null {
  const others = to === 'supervisor' ? [] : ofDyno(marker, seen).filter((pid) => pid !== supervisor.pid);
  const order = to === 'all' ? [supervisor.pid, ...others] : [...others, supervisor.pid];
  return send(signal, order);
}

/** Who has told its end, and stands between that word and its end, goes on: else the ledger would tell what never was. */
function freeze(pids: readonly number[], folder: string): number[] | null {
  const reached = send('SIGSTOP', pids)?.filter((pid) => comesToRest(pid)) ?? [];
  const ended = readLedger(folder).filter(tellsEnd);
  const isEnding = (pid: number): boolean => ended.some((one) => one.pid === pid);
  send('SIGCONT', reached.filter(isEnding));
  const frozen = reached.filter((pid) => !isEnding(pid));
  return frozen.length > 0 ? frozen : null;
}

function send(signal: NodeJS.Signals, pids: readonly number[]): number[] | null {
  const reached = pids.filter((pid) => signalIfAlive(pid, signal));
  return reached.length > 0 ? reached : null;
}

function targets(whom: Whom, scene: Scene): number[] {
  const { supervisor, folder } = scene;
  if (supervisor.exitCode !== null || supervisor.signalCode !== null) return [];
  if (whom === 'supervisor') return [supervisor.pid];
  if (whom === 'relay')
    return childrenOf(supervisor.pid).filter((pid) => /^cat$|^\/bin\/sh -c trap/.test(commandLine(pid)));
  const entries = readLedger(folder);
  const pids = new Set(whom === 'helper' ? helpersIn(entries) : pidsOf(whom, entries));
  // A pid may be somebody else's by now: what is ours names the ledger.
  return [...pids].filter((pid) => isIn(folder, pid));
}

/** A child names its ledger, which is in the folder of its dyno. */
export function isIn(folder: string, pid: number): boolean {
  return commandLine(pid).includes(`${folder}/`);
}

/** A child goes by its first process; who does its work, if that is another one, is the worker. */
function pidsOf(whom: ChildName | 'worker' | 'daemon', entries: readonly Entry[]): number[] {
  const workers = workersIn(entries);
  const first = entries.filter(({ what }) => what === 'start' || what.startsWith('waits-for'));
  const are = (test: (entry: Entry) => boolean): number[] => first.filter(test).map(({ pid }) => pid);
  if (whom === 'daemon') return are(({ name }) => name.includes('.'));
  if (whom === 'worker') return are(({ pid }) => workers.has(pid));
  return are(({ name, pid }) => name === whom && !workers.has(pid));
}

function helpersIn(entries: readonly Entry[]): number[] {
  return entries.flatMap(({ what }) => (what.startsWith('helper ') ? [Number(what.slice('helper '.length))] : []));
}

export function readLedger(folder: string): Entry[] {
  try {
    return parseLedger(readFileSync(join(folder, 'ledger'), 'utf8'));
  } catch {
    return [];
  }
}

function childrenOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return tasks.flatMap((task) => words(readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')));
  } catch {
    return [];
  }
}

function words(text: string): number[] {
  return text.split(' ').filter(Boolean).map(Number);
}
