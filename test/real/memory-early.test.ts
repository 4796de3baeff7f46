import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readExact } from '../../src/linux/process-memory.ts';
import type { Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { checkout, pidOf, startInstance, type Instance } from './instance.ts';
import { enqueue, queued, runs } from './jobs.ts';
import { startRedis, type Redis } from './services.ts';

/** Milliseconds from the start of the dyno until memory grows: before anything has booted, after puma or sidekiq has, and after the
 * minute that makes an unobserved child count as ready. */
const INSTANTS = [
  0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000, 7000, 8000, 10_000, 12_000, 15_000, 20_000, 30_000,
  45_000, 65_000,
];
/** All of them take 15 minutes: `MEMORY_INSTANTS=all npm test -- test/real/memory-early.test.ts`. */
const instants = process.env.MEMORY_INSTANTS === 'all' ? INSTANTS : [0];
const TIMEOUT_MS = 90_000;

const SIDEKIQ_THREADS = 5;
const KILL_BYTES = 500 * 2 ** 20;
const ENVIRONMENT = {
  RUN_WORKER: 'true',
  WEB_CONCURRENCY: '0',
  SUPERVISE_START_TIMEOUT: '0',
  SUPERVISE_MEMORY_QUOTA: '250M',
  SUPERVISE_MEMORY_KILLS_AT: '200',
  CONVERT: fileURLToPath(new URL('../fixtures/convert', import.meta.url)),
};

const title = 'an app that never touches the ready file, %d ms after the start of the dyno';
describe.each(instants)(title, { timeout: 300_000 }, (instantMs) => {
  test('a convert that takes 900 MB in 2 s is killed before the platform kills the dyno', async () => {
    const { instance, peak, jid } = await startUnready('convert', instantMs);
    const { dyno } = instance;
    await eventually(() => expect(dyno.output).toMatch(/; (ending|killing) convert/), instantMs + TIMEOUT_MS);
    const sidekiq = await pidOf(dyno, 'sidekiq');
    await eventually(() => expect(instance.redis.ask('zrange', 'retry', '0', '-1').join()).toContain(jid));
    expect(alive(sidekiq)).toBe(true);
    expect(dyno.output).not.toMatch(/restarting sidekiq/);
    expect(peak()).toBeLessThan(KILL_BYTES);
  });

  test('a leaking sidekiq is restarted before the platform kills the dyno, and works again', async () => {
    const { instance, peak } = await startUnready('leak', instantMs);
    const { dyno, redis } = instance;
    const restart = /; (restarting sidekiq at once|restarting sidekiq gracefully)/;
    await eventually(() => expect(dyno.output).toMatch(restart), instantMs + TIMEOUT_MS);
    await eventually(() => expect(dyno.output).toMatch(/(sidekiq started[^]*){2}/), TIMEOUT_MS);
    const [laterJob] = enqueue(redis, 1, 'RecordedWorker', 0);
    await eventually(() => expect(runs(redis, 'finished')).toContain(laterJob), TIMEOUT_MS);
    await eventually(() => {
      const isKilled = dyno.output.includes('killing sidekiq at once');
      expect(queued(redis)).toEqual([]);
      expect(unfinished(redis)).toBeLessThanOrEqual(isKilled ? SIDEKIQ_THREADS : 0);
    }, TIMEOUT_MS);
    expect(peak()).toBeLessThan(KILL_BYTES);
  });
});

/** How many jobs were started and never finished: a killed sidekiq loses the jobs that it runs. */
function unfinished(redis: Redis): number {
  const finished = new Set(runs(redis, 'finished'));
  return [...new Set(runs(redis, 'started'))].filter((jid) => !finished.has(jid)).length;
}

/** A dyno whose sidekiq runs a job that uses memory from this instant on. peak: the most that the dyno has used so far, in bytes. */
async function startUnready(
  load: 'convert' | 'leak',
  instantMs: number,
): Promise<{ instance: Instance; peak: () => number; jid: string }> {
  const folder = checkout();
  const initializer = join(folder, 'config/initializers/sidekiq.rb');
  writeFileSync(
    initializer,
    'Redis.silence_deprecations = true if defined?(Redis) && Redis.respond_to?(:silence_deprecations=)\n',
  );
  const redis = await startRedis();
  const [jid = ''] = enqueue(redis, 1, 'InstantWorker', `${load} ${(Date.now() + instantMs) / 1000}`);
  const instance = await startInstance({ redis, cwd: folder, env: ENVIRONMENT });
  return { instance, peak: measurePeak(instance.dyno), jid };
}

/** Adds up the memory of all processes of a dyno, page by page, ten times a second, as a platform would. */
function measurePeak(dyno: Dyno): () => number {
  let peak = 0;
  const measuring = setInterval(() => {
    const sizes = dyno.scan().map((pid) => readExact(pid) ?? 0);
    peak = Math.max(
      peak,
      sizes.reduce((sum, bytes) => sum + bytes, 0),
    );
  }, 100);
  onTestFinished(() => clearInterval(measuring));
  return () => peak;
}
