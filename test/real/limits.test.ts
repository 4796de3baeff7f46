import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { binary } from '../harness/dyno.ts';
import { endOf, pidOf, ready, startInstance, withExit } from './instance.ts';

test('a soft limit of 1024 open files is raised to the hard limit in the children', async () => {
  const command = ['prlimit', '--nofile=1024:4000', process.execPath, binary, 'web'] as const;
  const instance = await startInstance({ command: [...command], env: { RUN_WORKER: 'true' } });
  const { dyno } = instance;
  await ready(instance);
  for (const child of ['puma', 'sidekiq']) {
    const limits = readFileSync(`/proc/${await pidOf(dyno, child)}/limits`, 'utf8');
    expect(limits).toMatch(/^Max open files +4000 +4000/m);
  }
  dyno.signal('SIGTERM');
  expect(await endOf(dyno)).toEqual(withExit(0));
});
