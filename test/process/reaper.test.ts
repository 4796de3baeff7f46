import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/host.ts';
import { clock } from '../../src/process/runtime.ts';
import { Reaper } from '../../src/process/reaper.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { alive, environment, processTable } from '../harness/processes.ts';
import { ProcessScenario, SLEEPER } from './process-scenario.ts';

const NONE = { ended: [], killed: [] };

afterEach(() => void vi.useRealTimers());

/** Later than the timeout of a test, so that no test can pass by waiting for it. */
function inOneHour(): number {
  return clock.now() + 3_600_000;
}

/** Runs a script until its shell exits: processes that are left have no living parent in the dyno. */
async function runToExit(scenario: ProcessScenario, script: string, reaper: Reaper): Promise<void> {
  const child = scenario.start(script);
  reaper.add(child.pid);
  await child.exited;
}

test('with no process left it does not wait', async () => {
  const scenario = new ProcessScenario();
  const noTimer: Clock = {
    now: () => clock.now(),
    after: () => {
      throw new Error('waited');
    },
  };
  const reaper = new Reaper(scenario.marker, noTimer);
  await runToExit(scenario, 'true', reaper);
  expect(await reaper.reapAll(inOneHour())).toEqual(NONE);
});

test('a daemon that follows TERM is ended, and named', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `setsid ${SLEEPER} daemon &`, reaper);
  const pid = await scenario.pid('daemon');
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
  expect(alive(pid)).toBe(false);
});

test('a process that ignores TERM is killed, and named', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `trap '' TERM; setsid ${SLEEPER} escaped & ${SLEEPER} other &`, reaper);
  const [escaped, other] = [await scenario.pid('escaped'), await scenario.pid('other')];
  const { ended, killed } = await reaper.reapAll(clock.now() + 200);
  expect(ended).toEqual([]);
  expect([...killed].sort()).toEqual([`sleep (pid ${escaped})`, `sleep (pid ${other})`].sort());
  for (const pid of [escaped, other]) await scenario.gone(pid);
});

test('a process that has left the session of its child and ignores TERM is killed after a second', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `trap '' TERM; setsid ${SLEEPER} ignoring &`, reaper);
  const ignoring = await scenario.pid('ignoring');
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [], killed: [`sleep (pid ${ignoring})`] });
});

/** Perl: writes its pid, and exits a while after TERM. */
const SLOW = `$SIG{TERM} = sub { select undef, undef, undef, 1.3; exit }; open P, ">", "slow.pid"; print P $$; close P; sleep 1000 while 1`;

test('the work behind a start script has time until the deadline', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `perl -e '${SLOW}' &`, reaper);
  const slow = await scenario.pid('slow', `perl -e ${SLOW}`);
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`perl (pid ${slow})`], killed: [] });
});

/** Perl: writes its pid and waits. JOB writes a file when it gets TERM. WORK starts a job, and ends it a while after its own TERM. */
const writePidAndWait = (name: string): string => `open P, ">", "${name}.pid"; print P $$; close P; sleep 1 while 1`;
const JOB = `$SIG{TERM} = sub { open F, ">", "job.termed" }; ${writePidAndWait('job')}`;
const WORK = `unless ($job = fork) { ${JOB} } $SIG{TERM} = sub { select undef, undef, undef, 0.3; kill KILL => $job; waitpid $job, 0; exit }; ${writePidAndWait('work')}`;

test('the work behind a start script ends its own children', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `perl -e '${WORK}' &`, reaper);
  await scenario.pidOf('job');
  await scenario.pidOf('work');
  const { ended, killed } = await reaper.reapAll(inOneHour());
  expect(killed).toEqual([]);
  expect(ended).toEqual([`perl (pid ${await scenario.pidOf('work')})`]);
  expect(scenario.has('job.termed')).toBe(false);
});

test('a process that leaves its session late has a second after its TERM too', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const waits = `open P, ">", "early.pid"; print P $$; close P; sleep 1 until $termed; select undef, undef, undef, 1.3`;
  const leaves = `$SIG{TERM} = sub { exit }; exit if fork; setsid; ${writePidAndWait('late')}`;
  const late = `use POSIX; $SIG{TERM} = sub { $termed = 1 }; ${waits}; ${leaves}`;
  await runToExit(scenario, `perl -e '${late}' &`, reaper);
  await scenario.pidOf('early');
  expect((await reaper.reapAll(inOneHour())).killed).toEqual([]);
});

test('a second call with an earlier deadline shortens the first one', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `trap '' TERM; ${SLEEPER} ignoring &`, reaper);
  const ignoring = await scenario.pid('ignoring');
  const first = reaper.reapAll(inOneHour());
  const killed = { ended: [], killed: [`sleep (pid ${ignoring})`] };
  expect(await reaper.reapAll(clock.now())).toEqual(killed);
  expect(await first).toEqual(killed);
});

test('a process that is killed by reap while reapAll waits for it counts as killed in both', async () => {
  const scenario = new ProcessScenario();
  const fakeClock = new FakeClock();
  const reaper = new Reaper(scenario.marker, fakeClock);
  await runToExit(
    scenario,
    `perl -e '$SIG{TERM} = sub { open F, ">", "perl.termed" }; ${writePidAndWait('perl')}' &`,
    reaper,
  );
  const pid = await scenario.pidOf('perl');
  const killed = { ended: [], killed: [`perl (pid ${pid})`] };
  const reaping = reaper.reap('', 300);
  await fakeClock.advance(100);
  await eventually(() => expect(scenario.has('perl.termed')).toBe(true));
  const reapingAll = reaper.reapAll(60_000);
  await fakeClock.advance(250);
  await scenario.gone(pid);
  await fakeClock.advance(1000);
  expect(await reapingAll).toEqual(killed);
  expect(await reaping).toEqual(killed);
});

test('reap leaves the processes to a reapAll that starts at the same time', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `${SLEEPER} left &`, reaper);
  const left = await scenario.pid('left');
  const reaping = reaper.reap('', inOneHour());
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`sleep (pid ${left})`], killed: [] });
  expect(await reaping).toEqual(NONE);
});

test('reapAll resolves only after a pending reap', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `trap '' TERM; ${SLEEPER} ignoring &`, reaper);
  const ignoring = await scenario.pid('ignoring');
  const order: string[] = [];
  const reaping = reaper.reap('', clock.now() + 1200).then((leftovers) => (order.push('reap'), leftovers));
  await scenario.gone(ignoring);
  await reaper.reapAll(inOneHour()).then(() => order.push('reapAll'));
  expect(order).toEqual(['reap', 'reapAll']);
  expect((await reaping).killed).toEqual([`sleep (pid ${ignoring})`]);
});

test('the work below a waiting shell gets TERM too', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(
    scenario,
    `sh -c 'trap : TERM; ${SLEEPER.replaceAll("'", '"').replaceAll('$', '\\$')} work; true' &`,
    reaper,
  );
  const work = await scenario.pid('work');
  const { ended, killed } = await reaper.reapAll(inOneHour());
  expect(killed).toEqual([]);
  expect(ended).toContain(`sleep (pid ${work})`);
});

test('a stopped process is continued, so that it can handle TERM', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `setsid ${SLEEPER} stopped &`, reaper);
  const pid = await scenario.pid('stopped');
  process.kill(pid, 'SIGSTOP');
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
});

test('a process without the marker is found by its session', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  await runToExit(scenario, `env -i PATH="$PATH" ${SLEEPER} bare &`, reaper);
  const pid = await scenario.pid('bare');
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
});

test('a process without the marker that left its session is known from an earlier scan', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const child = scenario.start(`env -i PATH="$PATH" setsid ${SLEEPER} bare & wait`);
  reaper.add(child.pid);
  const pid = await scenario.pid('bare');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const cancel = reaper.watch();
  vi.advanceTimersByTime(5000);
  expect(vi.getTimerCount()).toBe(1);
  cancel();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  child.signal('SIGKILL');
  await child.exited;
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
});

test('after the deadline it kills at once, without TERM', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const ignoresTerm = `$SIG{TERM} = sub { open F, ">", "termed" }; open P, ">", "perl.pid"; print P $$; close P; sleep 1000 while 1`;
  await runToExit(scenario, `setsid perl -e '${ignoresTerm}' &`, reaper);
  const pid = await scenario.pid('perl', `perl -e ${ignoresTerm}`);
  expect(await reaper.reapAll(clock.now())).toEqual({ ended: [], killed: [`perl (pid ${pid})`] });
  expect(scenario.has('termed')).toBe(false);
  await scenario.gone(pid);
});

test('killAll kills every process, the children included', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const child = scenario.start(`trap '' TERM; ${SLEEPER} a & setsid ${SLEEPER} b & wait`);
  reaper.add(child.pid);
  const pids = [await scenario.pid('a'), await scenario.pid('b')];
  const killed = reaper.killAll(new Set([child.pid]));
  expect(killed.sort()).toEqual(pids.map((pid) => `sleep (pid ${pid})`).sort());
  expect(await child.exited).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  for (const pid of pids) await scenario.gone(pid);
});

test('signals no unrelated process, whatever its name', async () => {
  const [scenario, unrelated] = [new ProcessScenario(), new ProcessScenario()];
  const reaper = new Reaper(scenario.marker, clock);
  const unrelatedChild = unrelated.start(`${SLEEPER} near & setsid ${SLEEPER} far & wait`, true);
  const lookalike = unrelated.start(`export ${scenario.marker}-other; exec ${SLEEPER} lookalike`, true);
  await runToExit(scenario, `setsid ${SLEEPER} ours &`, reaper);
  const bystanders = [await unrelated.pid('near'), await unrelated.pid('far'), await unrelated.pid('lookalike')];
  const ours = await scenario.pid('ours');
  expect(await reaper.reapAll(inOneHour())).toEqual({ ended: [`sleep (pid ${ours})`], killed: [] });
  expect(reaper.killAll(new Set())).toEqual([]);
  expect([unrelatedChild.pid, lookalike.pid, ...bystanders].filter(alive)).toHaveLength(5);
});

test('does not wait for a zombie', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const doesNotWait = `if (fork) { sleep 1000 while 1 } exec "sh", "-c", q(echo $$ > zombie.pid; exec sleep 1000)`;
  scenario.start(`exec perl -e '${doesNotWait}'`, true);
  const pid = await scenario.pid('zombie');
  reaper.add(pid);
  process.kill(pid, 'SIGKILL');
  await scenario.gone(pid);
  expect(await reaper.reapAll(inOneHour())).toEqual(NONE);
});

/** Shell: exits at TERM, but starts a successor first. */
const RESPAWNING = `trap '[ $1 -gt 0 ] && setsid sh respawning.sh $(($1 - 1)) & exit' TERM
echo $$ > $1.pid; while :; do sleep 0.01; done`;

test('processes that start while others are ended are ended too, generation after generation', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  writeFileSync(join(scenario.folder, 'respawning.sh'), RESPAWNING);
  await runToExit(scenario, 'for n in 1 2 3 4; do setsid sh respawning.sh ${n}0 & done', reaper);
  await Promise.all(['10', '20', '30', '40'].map((name) => scenario.pidOf(name)));
  await reaper.reapAll(inOneHour());
  expect(processTable().filter(({ pid, zombie }) => !zombie && environment(pid).includes(scenario.marker))).toEqual([]);
});

test('killTree kills the tree of one child, daemons included, and no sibling', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const puma = scenario.start(`${SLEEPER} sibling & setsid ${SLEEPER} far-sibling & wait`);
  const sidekiq = scenario.start(`trap '' TERM; ${SLEEPER} a & setsid ${SLEEPER} b & wait`);
  reaper.add(puma.pid, 'puma');
  reaper.add(sidekiq.pid, 'sidekiq');
  const pids = [await scenario.pid('a'), await scenario.pid('b')];
  const siblings = [puma.pid, await scenario.pid('sibling'), await scenario.pid('far-sibling')];
  reaper.killTree('unknown');
  reaper.killTree('');
  expect([...pids, ...siblings].filter(alive)).toHaveLength(5);
  reaper.killTree('sidekiq');
  expect(await sidekiq.exited).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  for (const pid of pids) await scenario.gone(pid);
  expect(siblings.filter(alive)).toEqual(siblings);
});

test('killTree kills processes that outlived the child, known from an earlier scan or in its session', async () => {
  const scenario = new ProcessScenario();
  const reaper = new Reaper(scenario.marker, clock);
  const child = scenario.start(`setsid ${SLEEPER} known & ${SLEEPER} member & while [ ! -e go ]; do sleep 0.01; done`);
  reaper.add(child.pid, 'sidekiq');
  const [known, member] = [await scenario.pid('known'), await scenario.pid('member')];
  reaper.scan();
  writeFileSync(join(scenario.folder, 'go'), '');
  await child.exited;
  reaper.scan();
  const next = scenario.start(`exec ${SLEEPER} next`);
  reaper.add(next.pid, 'puma');
  reaper.killTree('sidekiq');
  for (const pid of [known, member]) await scenario.gone(pid);
  expect(alive(await scenario.pid('next'))).toBe(true);
});
