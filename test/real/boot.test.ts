import { expect, test } from 'vitest';
import { checkout, endOf, ready, startInstance, type Instance } from './instance.ts';
import { startRedis, type Redis } from './services.ts';

const INSTANTS = 50;
const LANES = 4;

test(
  'TERM at 50 instants of the boot: nothing hangs, nothing is left, the code is right',
  { timeout: 400_000 },
  async () => {
    const redis = await startRedis();
    const folders = Array.from({ length: LANES }, checkout);
    const bootsMs = await Promise.all(folders.map((folder) => bootMs(folder, redis)));
    const beyondReadyMs = 1.1 * Math.max(...bootsMs);
    const instants = Array.from({ length: INSTANTS }, (_, index) => ({
      index,
      afterMs: (beyondReadyMs * index) / INSTANTS,
    }));
    const lane = async (folder: string): Promise<void> => {
      for (let next = instants.shift(); next; next = instants.shift()) await stopAfter(next, folder, redis);
    };
    await Promise.all(folders.map(lane));
    expect(instants).toEqual([]);
  },
);

/** One whole boot, as slow as it is with all lanes at work. */
async function bootMs(folder: string, redis: Redis): Promise<number> {
  const startedAt = performance.now();
  const instance = await boot(folder, redis, 1);
  await ready(instance);
  const tookMs = performance.now() - startedAt;
  instance.dyno.signal('SIGTERM');
  await endOf(instance.dyno);
  return tookMs;
}

/** With and without puma's workers, to the supervisor alone and to all, in turn. */
async function stopAfter(
  { index, afterMs }: { index: number; afterMs: number },
  folder: string,
  redis: Redis,
): Promise<void> {
  const { dyno } = await boot(folder, redis, index & 1);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  if (index & 2) dyno.signalAll('SIGTERM');
  else dyno.signal('SIGTERM');
  const { code, signal, left } = await endOf(dyno);
  const saidNothing = dyno.output === '';
  const where = `instant ${index}, ${Math.round(afterMs)} ms after the start:\n${dyno.output}`;
  expect(left, where).toEqual([]);
  expect({ code, signal }, where).toEqual(saidNothing ? { code: null, signal: 'SIGTERM' } : { code: 0, signal: null });
}

function boot(cwd: string, redis: Redis, workers: number): Promise<Instance> {
  return startInstance({ cwd, redis, env: { RUN_WORKER: 'true', WEB_CONCURRENCY: `${workers}` } });
}
