import { expect, test } from 'vitest';
import { alive } from '../harness/processes.ts';
import { bothUp, events, lastLine, startWeb, tiny } from './tiny.ts';

test.each([
  ['follow', 0, 'was ended'],
  ['ignore', 137, 'was killed'],
] as const)('a daemon that left its session and will %s TERM is found, ended and named', async (kind, code, said) => {
  const dyno = startWeb(`daemon=${kind}`);
  await bothUp(dyno);
  const [, daemon] = await dyno.says(/daemon (\d+)/);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code, signal: null });
  expect(alive(Number(daemon))).toBe(false);
  const named = events(dyno).find(
    ({ event, process }) => event === 'leftover' && String(process).includes(`pid ${daemon}`),
  );
  expect(named?.msg).toContain(said);
});

test('a daemon without our environment is known by its session once its parent was seen', async () => {
  const dyno = startWeb('daemon=bare');
  await bothUp(dyno);
  const [, daemon] = await dyno.says(/daemon (\d+)/);
  // The children stop only after TERM, while the daemon's parent still lives: the look at the stop finds it.
  dyno.signal('SIGTERM');
  await dyno.exited;
  expect(alive(Number(daemon))).toBe(false);
  expect(lastLine(dyno)).toContain(`(pid ${daemon})`);
});

test('what a crashed child leaves behind is ended too, and its code is kept', async () => {
  const dyno = startWeb('daemon=follow exit=5 in=200');
  const [, daemon] = await dyno.says(/daemon (\d+)/);
  expect(await dyno.exited).toEqual({ code: 5, signal: null });
  expect(alive(Number(daemon))).toBe(false);
});

test('nothing outside our own tree is signalled, whatever its name', async () => {
  const bystander = startWeb();
  const dyno = startWeb();
  await bothUp(bystander);
  await bothUp(dyno);
  dyno.signal('SIGTERM');
  await dyno.exited;
  expect(bystander.output).not.toContain('SIGTERM');
  bystander.signal('SIGTERM');
  expect(await bystander.exited).toEqual({ code: 0, signal: null });
});

test('work behind a start script, which dies of TERM, has its time to finish', async () => {
  const env = { SIDEKIQ_COMMAND: `sh -c '${tiny('sidekiq', 'after=1300')}; true'` };
  const dyno = startWeb('', '', { env });
  await bothUp(dyno);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(lastLine(dyno)).toMatch(/the children ended by themselves, node \(pid \d+\) was ended/);
});

test.each([
  ['behind a start script', ''],
  ['in a session of its own', 'setsid '],
])('work %s hears of the stop while another child still drains', async (_, session) => {
  const env = { SIDEKIQ_COMMAND: `sh -c '${session}${tiny('sidekiq', 'after=100')}; true'` };
  const dyno = startWeb('after=1500', '', { env });
  await bothUp(dyno);
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  const [heard, pumaEnded] = [/sidekiq SIGTERM/, /puma ended/].map((line) => dyno.output.search(line));
  expect(heard).toBeGreaterThan(0);
  expect(heard).toBeLessThan(pumaEnded ?? 0);
});

test("while an end may be the platform's TERM, what the last child leaves behind has its own", async () => {
  const work = '$|=1; $SIG{TERM}=sub{kill "TERM",$ENV{DYNO}; exit}; print "sidekiq up\\n"; sleep 1 while 1';
  const env = { SIDEKIQ_COMMAND: `sh -c 'DYNO=$PPID perl -e "$WORK"; true'`, WORK: work };
  const dyno = startWeb('', '', { env });
  await bothUp(dyno);
  const [, puma] = await dyno.says(/puma up (\d+)/);
  process.kill(Number(puma), 'SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null }); // and not 1: its TERM to us came in time
  expect(lastLine(dyno)).toContain('asked to stop by SIGTERM');
});
