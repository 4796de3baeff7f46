import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { environment } from '../harness/processes.ts';
import { checkout, child, serving } from '../plan/checkout.ts';
import { endOf, pidOf, ready, startInstance, withExit } from './instance.ts';

test('Ruby accepts the three ratios that the plan sets', () => {
  const { tuning } = child(serving('worker', {}, checkout({ quota: null })), 'sidekiq');
  const ratios = tuning.filter(({ variable }) => variable.startsWith('RUBY_GC_'));
  const env = { ...process.env, ...Object.fromEntries(ratios.map(({ variable, value }) => [variable, value])) };
  // With -W Ruby reports each variable of its garbage collector: the value that it uses, or why it ignores it.
  const report = execFileSync('sh', ['-c', 'ruby -W -e "exit" 2>&1'], { encoding: 'utf8', env });
  expect(ratios).toHaveLength(3);
  for (const { variable, value } of ratios) {
    expect(report).toMatch(new RegExp(`^${variable}=${Number(value).toFixed(6)} \\(default value: [\\d.]+\\)$`, 'm'));
  }
});

test.each([
  ['by default', {}, true],
  ['with SUPERVISE_RUBY_GC=default', { SUPERVISE_RUBY_GC: 'default' }, false],
])('sidekiq starts with the ratios: %s', async (_, env, expected) => {
  const instance = await startInstance({ env: { RUN_WORKER: 'true', ...env } });
  await ready(instance);
  const names = environment(await pidOf(instance.dyno, 'sidekiq')).map((text) => text.split('=')[0]);
  expect(names.includes('RUBY_GC_HEAP_FREE_SLOTS_GOAL_RATIO')).toBe(expected);
  instance.dyno.signal('SIGTERM');
  expect(await endOf(instance.dyno)).toEqual(withExit(0));
});
