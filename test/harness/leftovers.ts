import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { eventually } from './eventually.ts';
import { RunProcesses } from './run-processes.ts';

/** Names of what the tests, the supervisor, the scripts and ImageMagick make for a while. */
const OURS = /^(mstdn-supervise|memory-of-a-dyno|mastodon|magick)-/;

/**
 * Holds that no process, temporary folder or socket of this run outlives it: fails the run and names what did.
 * The run gets a temporary folder of its own, whose path is also the mark by which its processes are known: it stands in
 * TMPDIR and, because the dynos of the tests get few variables, at the end of PATH.
 */
export default function setup(): () => Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mst-')));
  chmodSync(folder, 0o1777); // as /tmp: PostgreSQL's server runs as another user
  Object.assign(process.env, { TMPDIR: folder, PATH: `${process.env.PATH}${delimiter}${folder}` });
  const processes = new RunProcesses(folder);
  const clear = (): void => {
    processes.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', clear); // after an interruption, too
  return async () => {
    const left = await whatStays(() => [...processes.left(), ...filesLeft(folder)]);
    if (left.length === 0) return;
    process.exitCode = 1; // Vitest only prints what a teardown throws
    throw new Error(`left behind by this run:\n${left.join('\n')}`);
  };
}

/** What was killed as the last test ended may take a moment to go. */
async function whatStays(look: () => string[]): Promise<string[]> {
  try {
    await eventually(() => {
      if (look().length > 0) throw new Error('not yet gone');
    }, 2000);
    return [];
  } catch {
    return look();
  }
}

function filesLeft(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket() || OURS.test(entry.name))
    .map((entry) => `${entry.isSocket() ? 'socket' : 'folder'} ${join(entry.parentPath, entry.name)}`);
}
