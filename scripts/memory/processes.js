// Which processes are of a dyno, and what memory they have: read from /proc, and not with the supervisor's own code.
import { readFileSync, readdirSync } from 'node:fs';

/** What carries this variable with the dyno's own value was started by it. */
export const MARKER = 'MEMORY_DYNO';
/** USER_HZ, in which /proc counts CPU time: 100 on every Linux of today. */
const TICKS_PER_SECOND = 100;

/** The living processes of the dyno whose first process is `root`: by marker, session, descent, or seen before as such.
 * `known` (pid -> start and whether it is of the dyno) is kept from look to look. */
export function ofDyno(root, marker, known) {
  const rows = table();
  const ours = new Set(rows.filter((row) => isOfDyno(row, root, marker, known)).map(({ pid }) => pid));
  for (let size = -1; size !== ours.size;) {
    size = ours.size;
    for (const { pid, parent, session } of rows) if (ours.has(parent) || ours.has(session)) ours.add(pid);
  }
  for (const { pid, started } of rows) known.set(pid, { started, ours: ours.has(pid) });
  return rows.filter(({ pid, isZombie }) => ours.has(pid) && !isZombie).map(({ pid }) => pid);
}

/** Bytes: the proportional share of what is shared, swap included, and what is resident with shared pages counted in
 * full. Zero for a process that has gone. */
export function memoryOf(pid) {
  const text = read(pid, 'smaps_rollup');
  const field = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return { pss: field('Pss') + field('SwapPss'), rss: field('Rss') };
}

/** Milliseconds of CPU, user and system, of a process and of the children that it has reaped. */
export function cpuMsOf(pid) {
  const stat = read(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return (1000 * ticks) / TICKS_PER_SECOND;
}

/** puma, sidekiq, streaming, supervisor, shell, or the name of the program that a job runs. */
export function kindOf(pid) {
  const name = read(pid, 'comm').trim();
  const line = read(pid, 'cmdline').replaceAll('\0', ' ');
  if (name === 'bash' || name === 'sh') return 'shell';
  if (line.includes('mstdn-supervise.js')) return 'supervisor';
  return ['sidekiq', 'puma', 'streaming'].find((kind) => line.includes(kind)) ?? name;
}

export function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** The environment is looked at once for each process: puma writes over its own later, and it costs. */
function isOfDyno({ pid, started }, root, marker, known) {
  if (pid === root) return true;
  const seen = known.get(pid);
  if (seen?.started === started) return seen.ours;
  return read(pid, 'environ').includes(`${MARKER}=${marker}`);
}

function table() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => row(Number(name)))
    .filter((found) => found !== undefined);
}

function row(pid) {
  const stat = read(pid, 'stat');
  if (stat === '') return undefined;
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid, parent: Number(parent), session: Number(session), started: rest[15], isZombie: state === 'Z' };
}
