// Behaves as `rails db:migrate` and `rails runner CODE`: takes a moment and exits 0, or fails when STAND_IN_FAIL names it.
import { setTimeout } from 'node:timers/promises';
import { knobs } from './knobs.ts';
import { openPool } from './pool.ts';
import { say } from './say.ts';

openPool(1);
const [task = '', code = ''] = process.argv.slice(2);
if (task === 'db:migrate') await migrate();
else if (task === 'runner') await run();
else abort(`Unrecognized command "${task}"`);

async function migrate(): Promise<void> {
  const interrupted = new AbortController();
  // rake turns TERM into an exception: exit code 1, not an end by signal.
  process.once('SIGTERM', () => interrupted.abort());
  say('== 20260101000000 StandIn: migrating =====================');
  const done = await setTimeout(knobs.bootMs, true, { signal: interrupted.signal }).catch(() => false);
  if (!done) abort('SignalException: SIGTERM');
  else if (knobs.failingTask === task)
    abort('StandardError: An error has occurred, this and all later migrations canceled');
  else say('== 20260101000000 StandIn: migrated ======================');
}

async function run(): Promise<void> {
  await setTimeout(knobs.bootMs);
  if (knobs.failingTask === task) abort(`RuntimeError: told to fail: ${code}`);
  else say(`Ran ${code}`);
}

function abort(reason: string): void {
  say(`rails aborted!\n${reason}`);
  process.exitCode = 1;
}
