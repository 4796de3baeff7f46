import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { environment } from '../harness/processes.ts';
import { endOf, pidOf, ready, startInstance, withExit, type Instance } from './instance.ts';

const env = { JEMALLOC_ENABLED: 'true', RUN_WORKER: 'true', SUPERVISE_MEMORY_QUOTA: '512M' };

test('jemalloc is loaded in puma and sidekiq, with its options', async () => {
  const instance = await startInstance({ env });
  await ready(instance);
  for (const child of ['puma', 'sidekiq']) expect(await librariesOf(instance, child)).toContain('libjemalloc.so.2');
  expect(environment(await pidOf(instance.dyno, 'sidekiq'))).toContain('MALLOC_CONF=narenas:2,dirty_decay_ms:1000');
  await stop(instance);
});

test('jemalloc is loaded in sidekiq and not in streaming, whose heap is limited instead', async () => {
  const instance = await startInstance({ env: { ...env, RUN_STREAMING: 'true' } });
  await instance.dyno.waitForOutput(/streaming is ready after/);
  await instance.dyno.waitForOutput(/sidekiq is ready after/);
  expect(await librariesOf(instance, 'sidekiq')).toContain('libjemalloc.so.2');
  expect(await librariesOf(instance, 'streaming')).not.toContain('jemalloc');
  expect(environment(await pidOf(instance.dyno, 'streaming'))).toContain('NODE_OPTIONS=--max-old-space-size=128');
  await stop(instance);
});

async function librariesOf({ dyno }: Instance, child: string): Promise<string> {
  return readFileSync(`/proc/${await pidOf(dyno, child)}/maps`, 'utf8');
}

async function stop({ dyno }: Instance): Promise<void> {
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
}
