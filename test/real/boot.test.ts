import { expect, test } from 'vitest';
import { checkout, endOf, ready, startInstance, type Instance } from './instance.ts';
import { enqueue, expectNoneLost } from './jobs.ts';
import { startRedis, type Redis } from './services.ts';

/** `BOOT_INSTANTS=50 npm test -- test/real/boot.test.ts` takes a minute. */
const INSTANTS = Number(process.env.BOOT_INSTANTS ?? 16);
const WORKERS = 4;
type Instant = { index: number; afterMs: number };

test(
  `SIGTERM at ${INSTANTS} instants of the boot: nothing hangs, no process is left, no job is lost`,
  { timeout: 400_000 },
  async () => {
    const redis = await startRedis();
    const folders = Array.from({ length: WORKERS }, checkout);
    const bootsMs = await Promise.all(folders.map((folder) => bootMs(folder, redis)));
    const stepMs = (1.1 * Math.max(...bootsMs)) / INSTANTS;
    const instants = Array.from({ length: INSTANTS }, (_, index) => ({ index, afterMs: stepMs * index }));
    const jobs: string[] = [];
    const worker = async (folder: string): Promise<void> => {
      for (let next = instants.shift(); next; next = instants.shift()) {
        jobs.push(...enqueue(redis, 4, 'RecordedWorker', 0.2));
        await stopAt(next, folder, redis);
      }
    };
    await Promise.all(folders.map(worker));
    expectNoneLost(redis, jobs);
  },
);

/** The duration of one boot while all workers boot a dyno. */
async function bootMs(folder: string, redis: Redis): Promise<number> {
  const startedAt = performance.now();
  const instance = await boot(folder, redis, 1);
  await ready(instance);
  const tookMs = performance.now() - startedAt;
  instance.dyno.signal('SIGTERM');
  await endOf(instance.dyno);
  return tookMs;
}

/** Alternates between puma with and without workers, and between SIGTERM to the supervisor and to all. The last instant is after all
 * children are ready. */
async function stopAt({ index, afterMs }: Instant, folder: string, redis: Redis): Promise<void> {
  const instance = await boot(folder, redis, index & 1);
  const { dyno } = instance;
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  if (index === INSTANTS - 1) await ready(instance);
  if (index & 2) dyno.signalAll('SIGTERM');
  else dyno.signal('SIGTERM');
  const { code, signal, left } = await endOf(dyno);
  const context = `instant ${index}, ${Math.round(afterMs)} ms after the start:\n${dyno.output}`;
  const hasNoOutput = dyno.output === '';
  expect(left, context).toEqual([]);
  expect({ code, signal }, context).toEqual(
    hasNoOutput ? { code: null, signal: 'SIGTERM' } : { code: 0, signal: null },
  );
}

function boot(cwd: string, redis: Redis, workers: number): Promise<Instance> {
  return startInstance({ cwd, redis, env: { RUN_WORKER: 'true', WEB_CONCURRENCY: `${workers}` } });
}
