import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JobLog } from '../../src/simulator/rehearsal/job-log.ts';
import type { Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive, commandLine, signalIfAlive } from '../harness/processes.ts';
import type { Worker } from './part.ts';

const ok = { code: 0, signal: null };

/** What is known of sidekiq, held against one. */
export function describeSidekiq(label: string, sidekiq: Worker): void {
  const MASTODON_SIDEKIQ_READY_FILENAME = 'sidekiq-test-ready';
  const startReady = async (args: readonly string[] = [], env: Record<string, string> = {}) => {
    const folder = sidekiq.folder();
    const dyno = sidekiq.start(args, { MASTODON_SIDEKIQ_READY_FILENAME, ...env }, folder);
    await eventually(() => expect(readdirSync(join(folder, 'tmp'))).toEqual([MASTODON_SIDEKIQ_READY_FILENAME]));
    return dyno;
  };

  describe(label, () => {
    it.each([
      ['SIGTERM', ok],
      ['SIGINT', ok],
      ['SIGHUP', { code: null, signal: 'SIGHUP' }],
    ] as const)('ends on %s', async (name, end) => {
      const dyno = await startReady();
      dyno.signal(name);
      expect(await dyno.exited).toEqual(end);
    });

    it('removes its ready file when it begins to stop', async () => {
      const folder = sidekiq.folder();
      const env = { MASTODON_SIDEKIQ_READY_FILENAME };
      const dyno = await sidekiq.startBusy(600, ['-t', '60'], env, folder);
      const file = join(folder, 'tmp', MASTODON_SIDEKIQ_READY_FILENAME);
      await eventually(() => expect(existsSync(file)).toBe(true));
      dyno.signal('SIGTERM');
      await eventually(() => expect(existsSync(file)).toBe(false));
      expect(alive(dyno.pid)).toBe(true);
    });

    it('writes no ready file where none is asked for', async () => {
      const folder = sidekiq.folder();
      await sidekiq.startBusy(0, [], {}, folder);
      expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
    });

    it.each([
      ['one TERM', 0],
      ['a repeated TERM', 2],
    ])('lets the job in hand end within -t after %s', async (_, more) => {
      const dyno = await sidekiq.startBusy(1, ['-c', '1', '-t', '60']);
      dyno.signal('SIGTERM');
      await dyno.waitForOutput(/Shutting down/);
      for (let count = 0; count < more; count++) signalIfAlive(dyno.pid, 'SIGTERM');
      expect(await dyno.exited).toEqual(ok);
      expect(dyno.output).toMatch(/Shutting down[^]*INFO: done[^]*Bye!/);
      expect(dyno.output).not.toContain('Pushed');
      expect(jobsOf(dyno).slice(1)).toEqual([0, 0]); // a late TERM meets the second job
    });

    it('gives back what is not done after -t seconds', async () => {
      const dyno = await sidekiq.startBusy(600, ['-c', '1', '-t', '1']);
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(ok);
      expect(dyno.output).toMatch(/Terminating 1 busy[^]*Pushed 1 jobs? back to Redis[^]*Bye!/);
      expect(dyno.output).not.toContain('INFO: done');
      expect(jobsOf(dyno)).toEqual([0, 1, 0]);
    });

    it('loses the job in hand when it is killed', async () => {
      const dyno = await sidekiq.startBusy(600, ['-c', '1']);
      dyno.signal('SIGKILL');
      expect(await dyno.exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(jobsOf(dyno)).toEqual([0, 0, 1]);
    });

    it('takes no new job after TSTP, and still ends well', async () => {
      const dyno = await sidekiq.startBusy(1, ['-c', '1']);
      dyno.signal('SIGTSTP');
      await dyno.waitForOutput(/Received TSTP/);
      await dyno.waitForOutput(/INFO: done/);
      await eventually(() => expect(commandLine(dyno.pid)).toMatch(/\[0 of 1 busy\] stopping/));
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(ok);
      expect(dyno.output.split('Received TSTP')[1]).not.toContain('INFO: start');
    });

    it('shows in its command line how busy it is', async () => {
      const dyno = await sidekiq.startBusy(600, ['-c', '3']);
      await eventually(() => expect(commandLine(dyno.pid)).toMatch(/^sidekiq .*\[[123] of 3 busy\]/));
    });

    it('prints its threads on TTIN and goes on', async () => {
      const dyno = await startReady(['-c', '2']);
      dyno.signal('SIGTTIN');
      await dyno.waitForOutput(/WARN: Thread TID-[^]*WARN: Thread TID-/);
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(ok);
    });

    it.each([
      ['with', { DYNO: 'web.1' }, /^pid=\d+ .*INFO: /m],
      ['without', {}, /^\d{4}-\d\d-\d\dT[\d:.]+Z pid=\d+ .*INFO: /m],
    ])('writes the time into its log or not: %s DYNO', async (_, env, line) => {
      await (await startReady([], env)).waitForOutput(line);
    });

    it('ends by TERM while it boots', async () => {
      const dyno = sidekiq.start([], sidekiq.slowBoot, sidekiq.folder());
      await dyno.waitForOutput(sidekiq.saysFirst);
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual({ code: null, signal: 'SIGTERM' });
    });

    it.each([[['-C', 'missing.yml']], [['--no-such-option']], [['-c', 'many']]])('ends with 1 on %j', async (args) => {
      expect(await sidekiq.start(args, {}, sidekiq.folder()).exited).toEqual({ code: 1, signal: null });
    });

    it('takes weighted queues', async () => {
      await startReady(['-q', 'default,8', '-q', 'push,6', '-q', 'pull']);
    });
  });
}

/** How many jobs its log says are done, given back and lost. */
function jobsOf(dyno: Dyno): number[] {
  const jobs = new JobLog();
  for (const line of dyno.output.split('\n')) jobs.addLine(line);
  return [jobs.done, jobs.returned, jobs.lost()];
}
