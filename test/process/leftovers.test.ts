import { expect, test } from 'vitest';
import { alive } from '../harness/processes.ts';
import { waitForBothChildren, events, lastLogMessage, startWeb, childCommand } from './dyno-fixture.ts';

test.each([
  ['follow', 0, 'was ended'],
  ['ignore', 137, 'was killed'],
] as const)(
  'a daemon that left its session and will %s TERM is found, ended and named',
  async (kind, code, message) => {
    const dyno = startWeb(`daemon=${kind}`);
    await waitForBothChildren(dyno);
    const [, daemon] = await dyno.waitForOutput(/daemon (\d+)/);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code, signal: null });
    expect(alive(Number(daemon))).toBe(false);
    const leftover = events(dyno).find(
      ({ event, process }) => event === 'leftover' && String(process).includes(`pid ${daemon}`),
    );
    expect(leftover?.msg).toContain(message);
  },
);

test('a daemon without our environment is known by its session once its parent was scanned', async () => {
  const dyno = startWeb('daemon=bare');
  await waitForBothChildren(dyno);
  const [, daemon] = await dyno.waitForOutput(/daemon (\d+)/);
  // The children exit only after TERM. The scan at the stop finds the daemon while its parent still lives.
  dyno.signal('SIGTERM');
  await dyno.exited;
  expect(alive(Number(daemon))).toBe(false);
  expect(lastLogMessage(dyno)).toContain(`(pid ${daemon})`);
});

test('the daemon of a crashed child is ended too, and the code of the child is kept', async () => {
  const dyno = startWeb('daemon=follow exit=5 in=200');
  const [, daemon] = await dyno.waitForOutput(/daemon (\d+)/);
  expect(await dyno.exited).toEqual({ code: 5, signal: null });
  expect(alive(Number(daemon))).toBe(false);
});

test('no process outside our own tree is signalled, whatever its name', async () => {
  const bystander = startWeb();
  const dyno = startWeb();
  await waitForBothChildren(bystander);
  await waitForBothChildren(dyno);
  dyno.signal('SIGTERM');
  await dyno.exited;
  expect(bystander.output).not.toContain('SIGTERM');
  bystander.signal('SIGTERM');
  expect(await bystander.exited).toEqual({ code: 0, signal: null });
});

test('work behind a start script that dies of TERM gets time to finish', async () => {
  const env = { SIDEKIQ_COMMAND: `sh -c '${childCommand('sidekiq', 'after=1300')}; true'` };
  const dyno = startWeb('', '', { env });
  await waitForBothChildren(dyno);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(lastLogMessage(dyno)).toMatch(/the children ended by themselves, node \(pid \d+\) was ended/);
});

test.each([
  ['behind a start script', ''],
  ['in a session of its own', 'setsid '],
])('work %s gets TERM while another child still drains', async (_, session) => {
  const env = { SIDEKIQ_COMMAND: `sh -c '${session}${childCommand('sidekiq', 'after=100')}; true'` };
  const dyno = startWeb('after=1500', '', { env });
  await waitForBothChildren(dyno);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  const [termAt, pumaEndedAt] = [/sidekiq SIGTERM/, /puma exited/].map((line) => dyno.output.search(line));
  expect(termAt).toBeGreaterThan(0);
  expect(termAt).toBeLessThan(pumaEndedAt ?? 0);
});

test('while an exit may be due to a TERM of the platform, the work behind the last child handles its own', async () => {
  const work = '$|=1; $SIG{TERM}=sub{kill "TERM",$ENV{DYNO}; exit}; print "sidekiq up\\n"; sleep 1 while 1';
  const env = { SIDEKIQ_COMMAND: `sh -c 'DYNO=$PPID perl -e "$WORK"; true'`, WORK: work };
  const dyno = startWeb('', '', { env });
  await waitForBothChildren(dyno);
  const [, puma] = await dyno.waitForOutput(/puma up (\d+)/);
  process.kill(Number(puma), 'SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null }); // not 1: the TERM that it sends to us arrives in time
  expect(lastLogMessage(dyno)).toContain('asked to stop by SIGTERM');
});
