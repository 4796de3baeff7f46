import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startDyno, tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { oldestAndNewest } from '../harness/nodes.ts';
import { startWeb } from './dyno-fixture.ts';

const INSTANTS = 50;
const WORKERS = 4;

/** TERM at instants spread over the boot, from exec until after the children are up. Before our handlers are set, the kernel ends the
 * supervisor by the signal; from then on it exits with 0. In both cases no process is left and nothing hangs. */
describe.each(oldestAndNewest)('on node $major', ({ path: node }) => {
  test.each(['supervisor', 'all'] as const)(`TERM to %s at ${INSTANTS} instants of the boot`, async (target) => {
    const bootMs = await bootTime(node);
    const instants = Array.from({ length: INSTANTS }, (_, index) => (index * 1.3 * bootMs) / INSTANTS);
    const shares = Array.from({ length: WORKERS }, (_, worker) =>
      instants.filter((_, index) => index % WORKERS === worker),
    );
    await Promise.all(shares.map((share) => stopAtInstants(share, target, node)));
  });
});

async function stopAtInstants(instants: readonly number[], target: 'supervisor' | 'all', node: string): Promise<void> {
  for (const instant of instants) {
    const startedAt = performance.now();
    const dyno = startWeb('', 'ready', { node });
    await eventually(() => expect(performance.now() - startedAt).toBeGreaterThanOrEqual(instant));
    if (target === 'supervisor') dyno.signal('SIGTERM');
    else dyno.signalAll('SIGTERM');
    const end = await dyno.exited;
    await dyno.gone();
    const isBeforeHandlers = end.signal === 'SIGTERM' && !dyno.output.includes('"event"');
    if (!isBeforeHandlers) expect(end, `after ${instant} ms:\n${dyno.output}`).toEqual({ code: 0, signal: null });
  }
}

async function bootTime(node: string): Promise<number> {
  const startedAt = performance.now();
  const dyno = startWeb('', 'ready', { node });
  await dyno.waitForOutput(/sidekiq is ready/);
  const bootMs = performance.now() - startedAt;
  dyno.signal('SIGTERM');
  await dyno.exited;
  return bootMs;
}

test('a child that loses a TERM during its boot gets a second one and exits', async () => {
  const losesFirstTerm =
    '$SIG{TERM} = sub { print "lost\\n"; $SIG{TERM} = "DEFAULT" }; $| = 1; print "booting\\n"; sleep 1 while 1';
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'puma.pl'), losesFirstTerm);
  const dyno = startDyno({ cwd, env: { PUMA_COMMAND: 'perl puma.pl' } });
  await dyno.waitForOutput(/^booting/m);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(dyno.output).toMatch(/^lost/m);
});
