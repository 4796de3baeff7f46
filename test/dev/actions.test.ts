import { describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { simulate, type Seen, type SimulationOptions } from './simulation.ts';

const MEBIBYTE = 2 ** 20;

/** The whole instance in one dyno, by the project's Procfile. */
async function instance(env: SimulationOptions['env'] = {}, words: readonly string[] = []): Promise<Seen> {
  const simulation = await simulate({ env: { RUN_STREAMING: 'on-demand', ...env }, words });
  await simulation.says(/sidekiq is ready after/);
  await eventually(() => simulation.process('sidekiq'));
  return simulation;
}

describe('a child that is killed', () => {
  it.each([
    ['puma', 'SIGKILL', 137],
    ['sidekiq', 'SIGKILL', 137],
    ['sidekiq', 'SIGSEGV', 139],
  ] as const)('ends the dyno with its status, and the dyno starts again: %s by %s', async (label, signal, status) => {
    const simulation = await instance();
    const { pid } = simulation.process(label);
    const answer = await simulation.running.act({ type: 'kill', pid, signal });
    expect(answer).toEqual({ ok: true, text: `${label} (pid ${pid}) of web.1 got ${signal}` });
    await simulation.says(new RegExp(`Process exited with status ${status}\n`));
    expect(simulation.exits()).toEqual([{ status, orphans: 0 }]);
    await eventually(() => expect(simulation.process(label).pid).not.toBe(pid));
    expect(simulation.marks('action')).toEqual([`${signal} ${label}`]);
  });

  it('must belong to a dyno', async () => {
    const simulation = await instance();
    const { ok, text } = await simulation.running.act({ type: 'kill', pid: process.pid, signal: 'SIGKILL' });
    expect({ ok, text }).toEqual({ ok: false, text: `no dyno has a process ${process.pid}` });
  });
});

describe('streaming clients', () => {
  it('start streaming, are counted, and let it stop again', async () => {
    const simulation = await instance({ SUPERVISE_STREAMING_IDLE: '1s' });
    expect(() => simulation.process('streaming')).toThrow();
    expect(await simulation.running.act({ type: 'open-stream' })).toEqual({ ok: true, text: 'streaming clients: 1' });
    expect((await simulation.running.act({ type: 'open-stream' })).text).toBe('streaming clients: 2');
    expect(simulation.running.view()).toMatchObject({ openStreams: 2, ownStreams: 2 });
    await eventually(() => simulation.process('streaming'));
    await simulation.running.act({ type: 'close-stream' });
    await simulation.running.act({ type: 'close-stream' });
    expect(await simulation.running.act({ type: 'close-stream' })).toEqual({
      ok: false,
      text: 'no streaming client is open',
    });
    await eventually(() => expect(() => simulation.process('streaming')).toThrow());
  });

  it('are refused without streaming', async () => {
    const simulation = await instance({ RUN_STREAMING: 'false' });
    const { ok, text } = await simulation.running.act({ type: 'open-stream' });
    expect(ok).toBe(false);
    expect(text).toMatch(/streaming is not running; set RUN_STREAMING=on-demand/);
  });
});

describe('memory', () => {
  it('of puma beyond twice the quota causes R14, R15 and SIGKILL', async () => {
    const simulation = await instance({ SUPERVISE_MEMORY_GUARD: 'off' }, ['--quota', '256M']);
    const flood = { type: 'flood', where: 'puma', bytes: 270 * MEBIBYTE } as const;
    expect(await simulation.running.act(flood)).toMatchObject({ ok: true });
    await simulation.says(/Error R14 /);
    expect(await simulation.running.act(flood)).toMatchObject({ ok: true });
    await simulation.says(/Error R15 [^]*Process exited with status 137/);
  });

  it('of a convert beyond the quota ends only that convert', async () => {
    const simulation = await instance({}, ['--quota', '512M']);
    const before = simulation.dyno().runs[0]?.id;
    expect((await simulation.running.act({ type: 'flood', where: 'convert', bytes: 1200 * MEBIBYTE })).ok).toBe(true);
    await simulation.says(
      /(ending|killing) convert \(pid \d+\)[^]*WARN: RuntimeError: Command failed with SIG(TERM|KILL): convert/,
    );
    await eventually(() =>
      expect(simulation.dyno().runs[0]?.processes.map(({ label: label }) => label)).not.toContain('convert'),
    );
    expect(simulation.dyno().runs[0]?.id).toBe(before);
    expect(simulation.marks('error-code')).not.toContain('R15');
  });

  it('can be flooded only in a running stand-in', async () => {
    const simulation = await simulate({ env: { RUN_WORKER: 'false' } });
    await simulation.is('up');
    const { ok, text } = await simulation.running.act({ type: 'flood', where: 'sidekiq', bytes: MEBIBYTE });
    expect({ ok, text }).toEqual({ ok: false, text: 'no sidekiq runs' });
  });
});

describe('an impossible action', () => {
  it('is refused with a reason', async () => {
    const simulation = await instance();
    expect(await simulation.running.act({ type: 'restart', dyno: 'web.7' })).toEqual({
      ok: false,
      text: 'no dyno web.7: there are web.1',
    });
    const [first, second] = await Promise.all([
      simulation.running.act({ type: 'deploy' }),
      simulation.running.act({ type: 'deploy' }),
    ]);
    expect([first.ok, second.ok]).toEqual([true, false]);
    expect(second.text).toBe('a release is running');
  });
});
