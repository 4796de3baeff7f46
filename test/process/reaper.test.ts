import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/host.ts';
import { clock } from '../../src/process/clock.ts';
import { Reaper } from '../../src/process/reaper.ts';
import { FakeClock } from '../fakes/clock.ts';
import { eventually } from '../harness/eventually.ts';
import { alive, environment, processTable } from '../harness/processes.ts';
import { Family, SLEEPER } from './process-family.ts';

const NONE = { ended: [], killed: [] };

afterEach(() => void vi.useRealTimers());

function later(): number {
  return clock.now() + 60_000;
}

/** Ends the child that started the rest: what is left has no living parent of ours. */
async function leave(family: Family, script: string, sweeper: Reaper): Promise<void> {
  const child = family.start(script);
  sweeper.add(child.pid);
  await child.exited;
}

test('nothing left: one look, no wait', async () => {
  const family = new Family();
  const noTimer: Clock = {
    now: () => clock.now(),
    after: () => {
      throw new Error('waited');
    },
  };
  const sweeper = new Reaper(family.marker, noTimer);
  await leave(family, 'true', sweeper);
  expect(await sweeper.reapAll(later())).toEqual(NONE);
});

test('a daemon that follows TERM is ended, and named', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `setsid ${SLEEPER} daemon &`, sweeper);
  const pid = await family.pid('daemon');
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
  expect(alive(pid)).toBe(false);
});

test('one that ignores TERM is killed, and named', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `trap '' TERM; setsid ${SLEEPER} deaf & ${SLEEPER} other &`, sweeper);
  const [deaf, other] = [await family.pid('deaf'), await family.pid('other')];
  const { ended, killed } = await sweeper.reapAll(clock.now() + 200);
  expect(ended).toEqual([]);
  expect([...killed].sort()).toEqual([`sleep (pid ${deaf})`, `sleep (pid ${other})`].sort());
  for (const pid of [deaf, other]) await family.gone(pid);
});

test('one that has left the session of its child and ignores TERM is killed a second later', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `trap '' TERM; setsid ${SLEEPER} deaf &`, sweeper);
  const deaf = await family.pid('deaf');
  expect(await sweeper.reapAll(later())).toEqual({ ended: [], killed: [`sleep (pid ${deaf})`] });
});

/** Says that it is there, and needs a while after TERM. */
const SLOW = `$SIG{TERM} = sub { select undef, undef, undef, 1.3; exit }; open P, ">", "slow.pid"; print P $$; close P; sleep 1000 while 1`;

test('the work behind a start script has all the time to finish', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `perl -e '${SLOW}' &`, sweeper);
  const slow = await family.pid('slow', `perl -e ${SLOW}`);
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`perl (pid ${slow})`], killed: [] });
});

/** Says that it is there; a job that says when it hears TERM, and work that ends its job a while after its own. */
const there = (name: string): string => `open P, ">", "${name}.pid"; print P $$; close P; sleep 1 while 1`;
const JOB = `$SIG{TERM} = sub { open F, ">", "job.termed" }; ${there('job')}`;
const WORK = `unless ($job = fork) { ${JOB} } $SIG{TERM} = sub { select undef, undef, undef, 0.3; kill KILL => $job; waitpid $job, 0; exit }; ${there('work')}`;

test('what the work behind a start script has started is its own affair', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `perl -e '${WORK}' &`, sweeper);
  await family.pidOf('job');
  await family.pidOf('work');
  const { ended, killed } = await sweeper.reapAll(later());
  expect(killed).toEqual([]);
  expect(ended).toEqual([`perl (pid ${await family.pidOf('work')})`]);
  expect(family.has('job.termed')).toBe(false);
});

test('one that leaves its session late has a second to follow TERM, too', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const waits = `open P, ">", "early.pid"; print P $$; close P; sleep 1 until $asked; select undef, undef, undef, 1.3`;
  const leaves = `$SIG{TERM} = sub { exit }; exit if fork; setsid; ${there('late')}`;
  const late = `use POSIX; $SIG{TERM} = sub { $asked = 1 }; ${waits}; ${leaves}`;
  await leave(family, `perl -e '${late}' &`, sweeper);
  await family.pidOf('early');
  expect((await sweeper.reapAll(later())).killed).toEqual([]);
});

test('told again, with less time, it hurries', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `trap '' TERM; ${SLEEPER} deaf &`, sweeper);
  const deaf = await family.pid('deaf');
  const first = sweeper.reapAll(later());
  const killed = { ended: [], killed: [`sleep (pid ${deaf})`] };
  expect(await sweeper.reapAll(clock.now())).toEqual(killed);
  expect(await first).toEqual(killed);
});

test('one that is killed for its child while the stop waits for it was killed, for the stop as well', async () => {
  const family = new Family();
  const stopped = new FakeClock();
  const sweeper = new Reaper(family.marker, stopped);
  await leave(family, `perl -e '$SIG{TERM} = sub { open F, ">", "deaf.termed" }; ${there('deaf')}' &`, sweeper);
  const deaf = await family.pidOf('deaf');
  const killed = { ended: [], killed: [`perl (pid ${deaf})`] };
  const cleared = sweeper.reap('', 300);
  await stopped.advance(100);
  await eventually(() => expect(family.has('deaf.termed')).toBe(true));
  const ended = sweeper.reapAll(60_000);
  await stopped.advance(250);
  await family.gone(deaf);
  await stopped.advance(1000);
  expect(await ended).toEqual(killed);
  expect(await cleared).toEqual(killed);
});

test('what is to be cleared for a child when all is ended at the same moment is left to that', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `${SLEEPER} left &`, sweeper);
  const left = await family.pid('left');
  const cleared = sweeper.reap('', later());
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`sleep (pid ${left})`], killed: [] });
  expect(await cleared).toEqual(NONE);
});

test('the end is over only when what is being cleared for a child is', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `trap '' TERM; ${SLEEPER} deaf &`, sweeper);
  const deaf = await family.pid('deaf');
  const over: string[] = [];
  const cleared = sweeper.reap('', clock.now() + 1200).then((leftovers) => (over.push('cleared'), leftovers));
  await family.gone(deaf);
  await sweeper.reapAll(later()).then(() => over.push('ended'));
  expect(over).toEqual(['cleared', 'ended']);
  expect((await cleared).killed).toEqual([`sleep (pid ${deaf})`]);
});

test('below a shell that waits for its work, the work hears TERM as well', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(
    family,
    `sh -c 'trap : TERM; ${SLEEPER.replaceAll("'", '"').replaceAll('$', '\\$')} work; true' &`,
    sweeper,
  );
  const work = await family.pid('work');
  const { ended, killed } = await sweeper.reapAll(later());
  expect(killed).toEqual([]);
  expect(ended).toContain(`sleep (pid ${work})`);
});

test('a stopped one is continued, so that it can follow TERM', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `setsid ${SLEEPER} stopped &`, sweeper);
  const pid = await family.pid('stopped');
  process.kill(pid, 'SIGSTOP');
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
});

test('one without the marker is known by its session', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  await leave(family, `env -i PATH="$PATH" ${SLEEPER} bare &`, sweeper);
  const pid = await family.pid('bare');
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
});

test('one without the marker that left its session is known from before', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const child = family.start(`env -i PATH="$PATH" setsid ${SLEEPER} bare & wait`);
  sweeper.add(child.pid);
  const pid = await family.pid('bare');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const cancel = sweeper.watch();
  vi.advanceTimersByTime(5000);
  expect(vi.getTimerCount()).toBe(1);
  cancel();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  child.signal('SIGKILL');
  await child.exited;
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`sleep (pid ${pid})`], killed: [] });
});

test('when the time is over it kills at once, without TERM', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const deaf = `$SIG{TERM} = sub { open F, ">", "termed" }; open P, ">", "deaf.pid"; print P $$; close P; sleep 1000 while 1`;
  await leave(family, `setsid perl -e '${deaf}' &`, sweeper);
  const pid = await family.pid('deaf', `perl -e ${deaf}`);
  expect(await sweeper.reapAll(clock.now())).toEqual({ ended: [], killed: [`perl (pid ${pid})`] });
  expect(family.has('termed')).toBe(false);
  await family.gone(pid);
});

test('kills all at once when told to, the children included', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const child = family.start(`trap '' TERM; ${SLEEPER} a & setsid ${SLEEPER} b & wait`);
  sweeper.add(child.pid);
  const pids = [await family.pid('a'), await family.pid('b')];
  const killed = sweeper.killAll(new Set([child.pid]));
  expect(killed.sort()).toEqual(pids.map((pid) => `sleep (pid ${pid})`).sort());
  expect(await child.exited).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  for (const pid of pids) await family.gone(pid);
});

test('touches nobody else, whatever the name', async () => {
  const [family, strangers] = [new Family(), new Family()];
  const sweeper = new Reaper(family.marker, clock);
  const stranger = strangers.start(`${SLEEPER} near & setsid ${SLEEPER} far & wait`, true);
  const lookalike = strangers.start(`export ${family.marker}-other; exec ${SLEEPER} lookalike`, true);
  await leave(family, `setsid ${SLEEPER} ours &`, sweeper);
  const bystanders = [await strangers.pid('near'), await strangers.pid('far'), await strangers.pid('lookalike')];
  const ours = await family.pid('ours');
  expect(await sweeper.reapAll(later())).toEqual({ ended: [`sleep (pid ${ours})`], killed: [] });
  expect(sweeper.killAll(new Set())).toEqual([]);
  expect([stranger.pid, lookalike.pid, ...bystanders].filter(alive)).toHaveLength(5);
});

test('what has ended and only waits to be reaped is not waited for', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const negligent = `if (fork) { sleep 1000 while 1 } exec "sh", "-c", q(echo $$ > zombie.pid; exec sleep 1000)`;
  family.start(`exec perl -e '${negligent}'`, true);
  const pid = await family.pid('zombie');
  sweeper.add(pid);
  process.kill(pid, 'SIGKILL');
  await family.gone(pid);
  expect(await sweeper.reapAll(later())).toEqual(NONE);
});

/** Each ends at once at TERM, and leaves an heir. */
const DYNASTY = `trap '[ $1 -gt 0 ] && setsid sh dynasty.sh $(($1 - 1)) & exit' TERM
echo $$ > $1.pid; while :; do sleep 0.01; done`;

test('new ones that come while it ends the old ones are ended as well, generation after generation', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  writeFileSync(join(family.folder, 'dynasty.sh'), DYNASTY);
  await leave(family, 'for n in 1 2 3 4; do setsid sh dynasty.sh ${n}0 & done', sweeper);
  await Promise.all(['10', '20', '30', '40'].map((name) => family.pidOf(name)));
  await sweeper.reapAll(later());
  expect(processTable().filter(({ pid, zombie }) => !zombie && environment(pid).includes(family.marker))).toEqual([]);
});

test('kills the tree of one child, its daemons included, and no sibling', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const puma = family.start(`${SLEEPER} sibling & setsid ${SLEEPER} far-sibling & wait`);
  const sidekiq = family.start(`trap '' TERM; ${SLEEPER} a & setsid ${SLEEPER} b & wait`);
  sweeper.add(puma.pid, 'puma');
  sweeper.add(sidekiq.pid, 'sidekiq');
  const pids = [await family.pid('a'), await family.pid('b')];
  const siblings = [puma.pid, await family.pid('sibling'), await family.pid('far-sibling')];
  sweeper.killTree('nobody');
  sweeper.killTree('');
  expect([...pids, ...siblings].filter(alive)).toHaveLength(5);
  sweeper.killTree('sidekiq');
  expect(await sidekiq.exited).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  for (const pid of pids) await family.gone(pid);
  expect(siblings.filter(alive)).toEqual(siblings);
});

test('what outlived a child is killed with its tree: known from before, or in its session', async () => {
  const family = new Family();
  const sweeper = new Reaper(family.marker, clock);
  const child = family.start(`setsid ${SLEEPER} known & ${SLEEPER} member & while [ ! -e go ]; do sleep 0.01; done`);
  sweeper.add(child.pid, 'sidekiq');
  const [known, member] = [await family.pid('known'), await family.pid('member')];
  sweeper.scan();
  writeFileSync(join(family.folder, 'go'), '');
  await child.exited;
  sweeper.scan();
  const next = family.start(`exec ${SLEEPER} next`);
  sweeper.add(next.pid, 'puma');
  sweeper.killTree('sidekiq');
  for (const pid of [known, member]) await family.gone(pid);
  expect(alive(await family.pid('next'))).toBe(true);
});
