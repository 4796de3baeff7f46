import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startDyno, tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { nodes } from '../harness/nodes.ts';
import { startWeb } from './tiny.ts';

const INSTANTS = 50;
const LANES = 4;

/** TERM at instants spread over the boot, from exec to after the children are up. Before our handlers are set the kernel
 * ends us by the signal; from then on the code is 0. Nothing is left and nothing hangs either way. */
describe.each(nodes)('on node $major', ({ path: node }) => {
  test.each(['alone', 'to all'] as const)(`TERM %s at ${INSTANTS} instants of the boot`, async (whom) => {
    const bootMs = await bootTime(node);
    const instants = Array.from({ length: INSTANTS }, (_, index) => (index * 1.3 * bootMs) / INSTANTS);
    const lanes = Array.from({ length: LANES }, (_, lane) => instants.filter((_, index) => index % LANES === lane));
    await Promise.all(lanes.map((lane) => runLane(lane, whom, node)));
  });
});

async function runLane(instants: readonly number[], whom: 'alone' | 'to all', node: string): Promise<void> {
  for (const instant of instants) {
    const startedAt = performance.now();
    const dyno = startWeb('', 'ready', { node });
    await eventually(() => expect(performance.now() - startedAt).toBeGreaterThanOrEqual(instant));
    if (whom === 'alone') dyno.signal('SIGTERM');
    else dyno.signalAll('SIGTERM');
    const end = await dyno.exited;
    await dyno.gone();
    const tooEarly = end.signal === 'SIGTERM' && !dyno.output.includes('"event"');
    if (!tooEarly) expect(end, `after ${instant} ms:\n${dyno.output}`).toEqual({ code: 0, signal: null });
  }
}

async function bootTime(node: string): Promise<number> {
  const startedAt = performance.now();
  const dyno = startWeb('', 'ready', { node });
  await dyno.says(/sidekiq is ready/);
  const bootMs = performance.now() - startedAt;
  dyno.signal('SIGTERM');
  await dyno.exited;
  return bootMs;
}

test('a child whose boot has swallowed its TERM gets another, and ends', async () => {
  const deaf =
    '$SIG{TERM} = sub { print "swallowed\\n"; $SIG{TERM} = "DEFAULT" }; $| = 1; print "deaf\\n"; sleep 1 while 1';
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'puma.pl'), deaf);
  const dyno = startDyno({ cwd, env: { PUMA_COMMAND: 'perl puma.pl' } });
  await dyno.says(/^deaf/m);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(dyno.output).toMatch(/^swallowed/m);
});
