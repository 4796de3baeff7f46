import { readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ProcessId } from '../../host.ts';
import { estimate, readExact, readMemoryUse } from '../../linux/process-memory.ts';
import { readProcess, titleOf } from '../../linux/processes.ts';
import type { ProcessView } from '../simulation.ts';

type ProcessRow = { pid: number; parent: number; started: string; name: string };

/** The live processes of a dyno as a process list: the first process's tree, then processes that have lost their
 * parent. Parents come before their children. */
export function readTree(members: readonly ProcessId[], first: number): ProcessView[] {
  const rows = members.flatMap(({ pid, started }): ProcessRow[] => {
    const row = readProcess(pid);
    return row === null || row.zombie || row.started !== started ? [] : [row];
  });
  const pids = new Set(rows.map(({ pid }) => pid));
  const roots = rows.filter(({ pid, parent }) => pid === first || !pids.has(parent));
  return roots.sort((row) => (row.pid === first ? -1 : 1)).flatMap((root) => subtree(root, rows, 0, null));
}

/** The total memory in bytes. null where the machine does not report it. */
export function treeBytes(tree: readonly ProcessView[]): number | null {
  const known = tree.flatMap(({ bytes }) => bytes ?? []);
  return known.length === 0 ? null : known.reduce((total, bytes) => total + bytes, 0);
}

function subtree(
  row: ProcessRow,
  all: readonly ProcessRow[],
  depth: number,
  parentLabel: string | null,
): ProcessView[] {
  const title = titleOf(row.pid);
  const label = labelOf(title, row.name, parentLabel);
  const view = { pid: row.pid, depth, label, title, bytes: processBytes(row.pid) };
  const children = all.filter(({ parent, pid }) => parent === row.pid && pid !== row.pid);
  return [view, ...children.flatMap((child) => subtree(child, all, depth + 1, label))];
}

/** Private memory and a proportional share of shared memory, in bytes. */
function processBytes(pid: number): number | null {
  const exact = readExact(pid);
  if (exact !== null) return exact;
  const use = readMemoryUse(pid);
  return use === null ? null : estimate(use);
}

/** What the open descriptors of a process refer to, as /proc shows it: `socket:[81]`, a path. Empty if that cannot be
 * read. */
export function openFilesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((descriptor) => {
      try {
        return readlinkSync(`${folder}/${descriptor}`);
      } catch {
        return []; // closed in the meantime
      }
    });
  } catch {
    return [];
  }
}

/** Programs that run a script: the script names the process. */
const INTERPRETERS = /^(ruby|jruby|node|nodejs)[\d.-]*$/;
const SHELLS = /^-?(ba|da|z|k)?sh$/;
const KNOWN_PROGRAMS = ['puma', 'sidekiq', 'streaming', 'rails', 'rake'];

/** The label of a dyno's process: from the title that it set, or from the program in its command line. name: the
 * kernel's name of the process. */
export function labelOf(title: string, name: string, parentLabel: string | null): string {
  const words = title.split(' ').filter((word) => word !== '');
  const first = basename(words[0] ?? name);
  const titled = KNOWN_PROGRAMS.find((name) => first === name || first === `${name}:`);
  if (titled !== undefined) return /^puma: cluster worker/.test(title) ? 'puma worker' : titled;
  if (SHELLS.test(first)) return 'shell';
  if (!INTERPRETERS.test(first)) return first === '' ? name : first;
  const script = words.slice(1).filter((word) => !word.startsWith('-'));
  const own = script.map(programName).find((word) => word !== 'bundle' && word !== 'exec') ?? '';
  if (own === 'mstdn-supervise') return 'supervisor';
  return KNOWN_PROGRAMS.find((name) => own === name) ?? parentLabel ?? first;
}

/** `/app/dist/stand-ins/puma.js` -> `puma`; `./streaming/index.js` -> `streaming`. */
function programName(word: string): string {
  const file = basename(word).replace(/\.(js|cjs|mjs|rb)$/, '');
  return file === 'index' ? basename(dirname(word)) : file;
}
