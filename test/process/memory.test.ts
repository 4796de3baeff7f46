import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Dyno, DynoOptions } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { oldestAndNewest } from '../harness/nodes.ts';
import { alive } from '../harness/processes.ts';
import { freePort } from '../simulator/free-port.ts';
import { events, lastLogMessage, startWeb, childCommand } from './dyno-fixture.ts';

/** Thresholds far from the kill of any platform, so that only the tested one is reached. */
const THRESHOLDS = { SUPERVISE_MEMORY_QUOTA: '200M', SUPERVISE_MEMORY_WARN_AT: '120', SUPERVISE_MEMORY_ACT_AT: '150' };
const ACT = { ...THRESHOLDS, SUPERVISE_MEMORY_KILLS_AT: '1000', SUPERVISE_MEMORY_EMERGENCY_AT: '900' };
/** The thresholds `act` and `emergency` are close together. */
const EMERGENCY = { ...THRESHOLDS, SUPERVISE_MEMORY_KILLS_AT: '1000', SUPERVISE_MEMORY_EMERGENCY_AT: '151' };

/** A dyno of fixture children, both ready, whose guard has measured it at rest. */
async function startGuarded(puma: string, sidekiq: string, env: Record<string, string>, more: DynoOptions = {}) {
  const port = await freePort();
  const options = { ...more, env: { PORT: `${port}`, SUPERVISE_MEMORY_LOG: '1', ...env } };
  const dyno = startWeb(`listen=${port} ${puma}`, `ready ${sidekiq}`, options);
  await dyno.waitForOutput(/puma is ready[^]*sidekiq is ready|sidekiq is ready[^]*puma is ready/);
  await dyno.waitForOutput(/is ready[^]*is ready[^]*memory_sidekiq=[1-9][^]*memory_sidekiq=[1-9]/);
  return { dyno, puma: await pidOf(dyno, 'puma'), sidekiq: await pidOf(dyno, 'sidekiq') };
}

async function pidOf(dyno: Dyno, child: string): Promise<number> {
  return Number((await dyno.waitForOutput(new RegExp(`[^]*${child} up (\\d+)`)))[1]); // of the latest start
}

function logged(dyno: Dyno, event: string): Record<string, unknown>[] {
  return events(dyno).filter((line) => line.event === event);
}

/** Lets a child grow while the guard is stopped: on a slow machine it would measure intermediate steps. */
async function growAtOnce(dyno: Dyno, pid: number, grown: string): Promise<void> {
  dyno.signal('SIGSTOP');
  process.kill(pid, 'SIGUSR2');
  await dyno.waitForOutput(new RegExp(grown));
  dyno.signal('SIGCONT');
}

async function stopped(dyno: Dyno): Promise<void> {
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  await dyno.gone();
}

describe.each(oldestAndNewest)('on node $major', ({ path: node }) => {
  test('a helper that grows is ended and named with the reason; no other process is', async () => {
    const { dyno, sidekiq } = await startGuarded('', 'helper=300', ACT, { node });
    process.kill(sidekiq, 'SIGUSR2');
    await dyno.waitForOutput(/helper ended SIGTERM/);
    await stopped(dyno);
    const [line, ...more] = logged(dyno, 'terminating');
    expect([line?.level, more]).toEqual(['warn', []]);
    expect(line?.msg).toMatch(
      /^memory \d+ of \d+ MB \(\d+ %\): perl \(started by sidekiq\), \d+ MB( and growing \d+ MB\/s)?; ending perl \(pid \d+\)$/,
    );
  });

  test('sidekiq that grows is restarted: quiet, idle, TERM, start; puma gets no signal', async () => {
    const { dyno, sidekiq } = await startGuarded('', 'grow=300', ACT, { node });
    process.kill(sidekiq, 'SIGUSR2');
    await dyno.waitForOutput(/sidekiq SIGTSTP[^]*sidekiq SIGTERM[^]*sidekiq up/);
    await dyno.waitForOutput(/(sidekiq is ready[^]*){2}/);
    expect(dyno.output).not.toMatch(/puma SIG/);
    const history = events(dyno).filter(({ child }) => child === 'sidekiq');
    expect(history.map(({ event }) => event)).toEqual([
      'started',
      'ready',
      'graceful-restart',
      'restarting',
      'exited',
      'started',
      'ready',
    ]);
    await stopped(dyno);
  });
});

test('a worker of a puma cluster that grows gets TERM and drains, and its master starts another', async () => {
  const { dyno, puma } = await startGuarded('worker=300', '', { ...ACT, WEB_CONCURRENCY: '1' });
  const worker = Number((await dyno.waitForOutput(/worker up (\d+)/))[1]);
  process.kill(worker, 'SIGUSR2');
  await dyno.waitForOutput(/worker ended 0[^]*worker up/);
  expect(alive(puma)).toBe(true);
  await stopped(dyno);
  expect(String(logged(dyno, 'terminating')[0]?.msg)).toMatch(
    /: puma worker, .*, which its master replaces; ending puma worker/,
  );
});

test('a helper that ignores TERM is killed two seconds later', async () => {
  const { dyno, puma } = await startGuarded('helper=300 stubborn', '', ACT);
  process.kill(puma, 'SIGUSR2');
  await dyno.waitForOutput(/helper up/);
  await dyno.waitForOutput(/helper ended SIGKILL/);
  await stopped(dyno);
  expect(logged(dyno, 'terminating')).toHaveLength(1);
});

test('at the emergency threshold a helper is killed without a TERM', async () => {
  const { dyno, sidekiq } = await startGuarded('', 'helper=300', EMERGENCY);
  await growAtOnce(dyno, sidekiq, 'helper up');
  await dyno.waitForOutput(/helper ended SIGKILL/);
  await stopped(dyno);
  expect(String(logged(dyno, 'terminating')[0]?.msg)).toMatch(/the platform kills at 1000 %: perl .*; killing perl/);
});

test('at the emergency threshold sidekiq is restarted without waiting until it is idle', async () => {
  const { dyno, sidekiq } = await startGuarded('', 'grow=300 busy', EMERGENCY);
  await growAtOnce(dyno, sidekiq, 'sidekiq grown');
  await dyno.waitForOutput(/(sidekiq is ready[^]*){2}/);
  expect(dyno.output).not.toMatch(/sidekiq SIGTSTP/);
  expect(logged(dyno, 'emergency-restart')).toHaveLength(1);
  await stopped(dyno);
});

test('when no process can be ended at the emergency threshold, the dyno stops gracefully with 75', async () => {
  const { dyno, puma } = await startGuarded('grow=300', '', EMERGENCY);
  await growAtOnce(dyno, puma, 'puma grown');
  expect(await dyno.exited).toEqual({ code: 75, signal: null });
  expect(lastLogMessage(dyno)).toMatch(
    /^memory \d+ of 200 MB \(\d+ %\), the platform kills at 1000 %; the dyno was stopped before that; exit code 75$/,
  );
  expect(dyno.output).toMatch(/sidekiq SIGTERM/);
  await dyno.gone();
});

test('a sidekiq that stays busy gets TERM after the quiet time', async () => {
  const { dyno, sidekiq } = await startGuarded('', 'grow=300 busy', { ...ACT, SUPERVISE_RECYCLE_QUIET: '0.5' });
  process.kill(sidekiq, 'SIGUSR2');
  await dyno.waitForOutput(/(sidekiq is ready[^]*){2}/);
  expect(logged(dyno, 'restarting')).toMatchObject([{ idle: false }]);
  await stopped(dyno);
});

test('TERM during a graceful restart: the dyno stops, and starts nothing', async () => {
  const { dyno, sidekiq } = await startGuarded('', 'grow=300 busy', ACT);
  process.kill(sidekiq, 'SIGUSR2');
  await dyno.waitForOutput(/sidekiq SIGTSTP/);
  await stopped(dyno);
  expect(dyno.output.match(/sidekiq up/g)).toHaveLength(1);
});

test('an unrelated process of the same name and size is neither counted nor signalled', async () => {
  const unrelated = spawn('perl', ['-e', `my $held = 'x' x (300 << 20); $| = 1; print "up\\n"; sleep 1000`]);
  onTestFinished(() => void unrelated.kill('SIGKILL'));
  await new Promise((resolve) => unrelated.stdout.once('data', resolve));
  const { dyno, sidekiq } = await startGuarded('', 'helper=300', ACT);
  process.kill(sidekiq, 'SIGUSR2');
  await dyno.waitForOutput(/helper ended SIGTERM/);
  await stopped(dyno);
  expect([unrelated.exitCode, unrelated.signalCode, alive(unrelated.pid ?? 0)]).toEqual([null, null, true]);
});

test('warn: the log says what would be done, and nothing is done', async () => {
  const { dyno, sidekiq } = await startGuarded('', 'helper=300', { ...ACT, SUPERVISE_MEMORY_GUARD: 'warn' });
  process.kill(sidekiq, 'SIGUSR2');
  await dyno.waitForOutput(/would end perl/);
  expect(dyno.output).not.toMatch(/helper ended/);
  dyno.signal('SIGTERM');
  await dyno.exited;
});

test('a quota smaller than one child: helpers are killed, and no child is restarted for them', async () => {
  const { dyno, sidekiq } = await startGuarded('', 'helper=20', { SUPERVISE_MEMORY_QUOTA: '16M' });
  const outputBeforeHelper = dyno.output.length; // a child that grows through the limit while it starts may be restarted
  process.kill(sidekiq, 'SIGUSR2');
  await dyno.waitForOutput(/helper ended SIGKILL[^]*(memory_total[^]*){4}/);
  expect(dyno.output.slice(outputBeforeHelper)).not.toMatch(/SIGT/);
  await stopped(dyno);
});

describe('a sidekiq that is never observed ready', () => {
  /** A dyno whose sidekiq runs but does not report readiness. */
  async function startUnready(puma: string, sidekiq: string): Promise<{ dyno: Dyno; sidekiq: number }> {
    const dyno = startWeb(puma, sidekiq, {
      env: { ...EMERGENCY, PORT: `${await freePort()}`, SUPERVISE_MEMORY_LOG: '1' },
    });
    await dyno.waitForOutput(/sidekiq up[^]*memory_sidekiq=[1-9]/);
    return { dyno, sidekiq: await pidOf(dyno, 'sidekiq') };
  }

  test('its helper is killed at the emergency threshold', async () => {
    const { dyno, sidekiq } = await startUnready('', 'helper=300');
    await growAtOnce(dyno, sidekiq, 'helper up');
    await dyno.waitForOutput(/helper ended SIGKILL/);
    expect(dyno.output).not.toMatch(/is ready|SIGTERM/);
    await stopped(dyno);
  });

  test('it is restarted once at the emergency threshold; after that the dyno counts as too big and keeps running', async () => {
    const { dyno, sidekiq } = await startUnready('', 'grow=300');
    await growAtOnce(dyno, sidekiq, 'sidekiq grown');
    await dyno.waitForOutput(/restarting sidekiq at once[^]*sidekiq up/);
    const second = await eventually(() => {
      const pids = [...dyno.output.matchAll(/sidekiq up (\d+)/g)].map(([, pid]) => Number(pid));
      expect(pids).toHaveLength(2);
      return pids[1] ?? 0;
    });
    process.kill(second, 'SIGUSR2');
    await dyno.waitForOutput(
      /sidekiq was restarted for that already: the quota is wrong or too small[^]*(memory_total[^]*){3}/,
    );
    expect(dyno.output.match(/sidekiq SIGTERM/g)).toHaveLength(1);
    expect(alive(second)).toBe(true);
    await stopped(dyno);
  });
});

test('a sidekiq whose wrapper exits first gets TERM too, and the next one starts after its exit', async () => {
  const { dyno } = await startGuarded('', 'grow=300', {
    ...ACT,
    SUPERVISE_RECYCLE_QUIET: '0.5',
    SIDEKIQ_COMMAND: `sh -c '${childCommand('sidekiq', 'ready grow=300 after=300')} $0 "$@"; exit $?'`,
  });
  process.kill(await pidOf(dyno, 'sidekiq'), 'SIGUSR2');
  await dyno.waitForOutput(/sidekiq SIGTERM[^]*sidekiq up/);
  await dyno.waitForOutput(/node\S* \(pid \d+\) outlived the children and was ended/);
  await stopped(dyno);
});

test('the kernel would kill a helper of sidekiq first, then sidekiq, then puma, then the supervisor', async () => {
  const { dyno, puma, sidekiq } = await startGuarded('', 'helper=20', ACT);
  process.kill(sidekiq, 'SIGUSR2');
  const helper = Number((await dyno.waitForOutput(/helper up (\d+)/))[1]);
  await eventually(() => {
    const scores = [dyno.pid, puma, sidekiq, helper].map(scoreOf);
    expect(scores).toEqual([...scores].sort((a, b) => a - b));
    expect(new Set(scores).size).toBe(4);
  });
  await stopped(dyno);
});

test('SUPERVISE_MEMORY_LOG prints a plain line for log drains', async () => {
  const { dyno } = await startGuarded('', '', { SUPERVISE_MEMORY_QUOTA: '512M', DYNO: 'web.7' });
  await dyno.waitForOutput(
    /^source=web\.7 dyno=\S+ sample#memory_total=[\d.]+MB sample#memory_puma=[\d.]+MB sample#memory_sidekiq=[\d.]+MB sample#memory_supervise=[\d.]+MB sample#memory_quota=512\.00MB$/m,
  );
  await stopped(dyno);
});

function scoreOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
}
