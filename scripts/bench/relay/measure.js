// One run of a peer whose children log: all they can to a reader that keeps up, then to one that stalls, then a farewell.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuMsOf, memoryOf, ownPids } from '../owned.js';
import { Run, now } from '../run.js';
import { arrived } from './arrived.js';

const WRITER = `perl ${fileURLToPath(new URL('writer.pl', import.meta.url))}`;
const CHILDREN = 3;
const FAREWELL = 200;
const SETTLE_MS = 1000;
const STALL_MS = 3000;
const LOOK_MS = 5;
/** So long nothing more has come: all has come. Who has kept a lot in memory pauses for longer. */
const QUIET_MS = 500;
const QUIET_AFTER_STALL_MS = 1500;
const AT_MOST_MS = 20_000;
const END_MS = 5000;

/** lines, ms: the share of each child, whichever is over first. */
export async function measure(peer, { env = {}, lines, ms }) {
  const run = new Run(peer, { count: CHILDREN, first: `lines=${lines} ms=${ms}`, program: WRITER, env });
  try {
    if ((await run.untilNoted('up', CHILDREN)).length < CHILDREN) return null;
    await pause(SETTLE_MS);
    const fast = await share(run);
    const stalled = await stall(run);
    const written = linesNoted(run, 'stalled');
    run.child.kill('SIGTERM');
    await run.endWithin(END_MS);
    await untilQuiet(run);
    return { ...fast, ...stalled, asked: run.noted('end').length > 0, ...arrived(outputOf(run), written, FAREWELL) };
  } finally {
    run.discard();
  }
}

async function share(run) {
  const own = ownPids(run);
  const [cpuMs, fromMs] = [cpuMsOf(own), now()];
  writeFileSync(`${run.ledger}.fast`, '');
  await run.untilNoted('fast', CHILDREN, AT_MOST_MS);
  const untilMs = await untilQuiet(run);
  const count = [...linesNoted(run, 'fast').values()].reduce((sum, lines) => sum + lines, 0);
  return {
    linesPerSecond: (1000 * count) / (untilMs - fromMs),
    cpuMsPerMillion: (1e6 * (cpuMsOf(own) - cpuMs)) / count,
  };
}

async function stall(run) {
  const own = ownPids(run);
  const beforeBytes = memoryOf(own).private;
  let mostBytes = beforeBytes;
  process.kill(run.reader, 'SIGSTOP');
  writeFileSync(`${run.ledger}.stalled`, '');
  for (const end = now() + STALL_MS; now() < end; await pause(200)) {
    mostBytes = Math.max(mostBytes, memoryOf(own).private);
  }
  process.kill(run.reader, 'SIGCONT');
  await run.untilNoted('stalled', CHILDREN, AT_MOST_MS);
  await untilQuiet(run, QUIET_AFTER_STALL_MS);
  return { stallBytes: mostBytes - beforeBytes };
}

/** When the last of it came. */
async function untilQuiet(run, quietMs = QUIET_MS) {
  let size = -1;
  let grownAtMs = now();
  for (const end = now() + AT_MOST_MS; now() < Math.min(end, grownAtMs + quietMs); await pause(LOOK_MS)) {
    const { size: present } = statSync(outputOf(run));
    if (present !== size) grownAtMs = now();
    size = present;
  }
  return grownAtMs;
}

/** pid -> how many lines it had written when it noted this. */
function linesNoted(run, what) {
  const notes = readFileSync(run.ledger, 'utf8').split('\n');
  return new Map(
    notes
      .map((line) => line.split(' '))
      .filter(([is]) => is === what)
      .map(([, pid, , lines]) => [Number(pid), Number(lines)]),
  );
}

const outputOf = (run) => join(run.folder, 'output');
