// A stand-in for `rails db:migrate` and `rails runner CODE`: exits 0 after a moment, or fails if STAND_IN_FAIL names
// the task.
import { setTimeout } from 'node:timers/promises';
import { options } from './env-options.ts';
import { openPool } from './database.ts';
import { writeLine } from './write-line.ts';

openPool(1);
const [task = '', code = ''] = process.argv.slice(2);
if (task === 'db:migrate') await migrate();
else if (task === 'runner') await run();
else abort(`Unrecognized command "${task}"`);

async function migrate(): Promise<void> {
  const interrupted = new AbortController();
  // rake turns TERM into an exception: exit code 1, not an end by signal.
  process.once('SIGTERM', () => interrupted.abort());
  writeLine('== 20260101000000 StandIn: migrating =====================');
  const done = await setTimeout(options.bootMs, true, { signal: interrupted.signal }).catch(() => false);
  if (!done) abort('SignalException: SIGTERM');
  else if (options.failingTask === task)
    abort('StandardError: An error has occurred, this and all later migrations canceled');
  else writeLine('== 20260101000000 StandIn: migrated ======================');
}

async function run(): Promise<void> {
  await setTimeout(options.bootMs);
  if (options.failingTask === task) abort(`RuntimeError: told to fail: ${code}`);
  else writeLine(`Ran ${code}`);
}

function abort(reason: string): void {
  writeLine(`rails aborted!\n${reason}`);
  process.exitCode = 1;
}
