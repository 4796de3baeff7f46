import { describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { simulate, type Seen, type Story } from './simulation.ts';

const MEBIBYTE = 2 ** 20;

/** The whole instance in one dyno, by the project's Procfile. */
async function instance(env: Story['env'] = {}, words: readonly string[] = []): Promise<Seen> {
  const story = await simulate({ env: { RUN_STREAMING: 'on-demand', ...env }, words });
  await story.says(/sidekiq is ready after/);
  await eventually(() => story.process('sidekiq'));
  return story;
}

describe('a child that is killed', () => {
  it.each([
    ['puma', 'SIGKILL', 137],
    ['sidekiq', 'SIGKILL', 137],
    ['sidekiq', 'SIGSEGV', 139],
  ] as const)('ends the dyno with its status, and the dyno starts again: %s by %s', async (label, signal, status) => {
    const story = await instance();
    const { pid } = story.process(label);
    const answer = await story.running.act({ type: 'kill', pid, signal });
    expect(answer).toEqual({ ok: true, text: `${label} (pid ${pid}) of web.1 got ${signal}` });
    await story.says(new RegExp(`Process exited with status ${status}\n`));
    expect(story.exits()).toEqual([{ status, orphans: 0 }]);
    await eventually(() => expect(story.process(label).pid).not.toBe(pid));
    expect(story.marks('action')).toEqual([`${signal} ${label}`]);
  });

  it('must belong to a dyno', async () => {
    const story = await instance();
    const { ok, text } = await story.running.act({ type: 'kill', pid: process.pid, signal: 'SIGKILL' });
    expect({ ok, text }).toEqual({ ok: false, text: `no dyno has a process ${process.pid}` });
  });
});

describe('streaming clients', () => {
  it('start streaming, are counted, and let it stop again', async () => {
    const story = await instance({ SUPERVISE_STREAMING_IDLE: '1s' });
    expect(() => story.process('streaming')).toThrow();
    expect(await story.running.act({ type: 'open-stream' })).toEqual({ ok: true, text: 'streaming clients: 1' });
    expect((await story.running.act({ type: 'open-stream' })).text).toBe('streaming clients: 2');
    expect(story.running.view()).toMatchObject({ openStreams: 2, ownStreams: 2 });
    await eventually(() => story.process('streaming'));
    await story.running.act({ type: 'close-stream' });
    await story.running.act({ type: 'close-stream' });
    expect(await story.running.act({ type: 'close-stream' })).toEqual({
      ok: false,
      text: 'no streaming client is open',
    });
    await eventually(() => expect(() => story.process('streaming')).toThrow());
  });

  it('are refused without streaming', async () => {
    const story = await instance({ RUN_STREAMING: 'false' });
    const { ok, text } = await story.running.act({ type: 'open-stream' });
    expect(ok).toBe(false);
    expect(text).toMatch(/streaming is not running; set RUN_STREAMING=on-demand/);
  });
});

describe('memory', () => {
  it('of puma beyond twice the quota causes R14, R15 and SIGKILL', async () => {
    const story = await instance({ SUPERVISE_MEMORY_GUARD: 'off' }, ['--quota', '256M']);
    const flood = { type: 'flood', where: 'puma', bytes: 270 * MEBIBYTE } as const;
    expect(await story.running.act(flood)).toMatchObject({ ok: true });
    await story.says(/Error R14 /);
    expect(await story.running.act(flood)).toMatchObject({ ok: true });
    await story.says(/Error R15 [^]*Process exited with status 137/);
  });

  it('of a convert beyond the quota ends only that convert', async () => {
    const story = await instance({}, ['--quota', '512M']);
    const before = story.dyno().runs[0]?.id;
    expect((await story.running.act({ type: 'flood', where: 'convert', bytes: 1200 * MEBIBYTE })).ok).toBe(true);
    await story.says(
      /(ending|killing) convert \(pid \d+\)[^]*WARN: RuntimeError: Command failed with SIG(TERM|KILL): convert/,
    );
    await eventually(() =>
      expect(story.dyno().runs[0]?.processes.map(({ label: label }) => label)).not.toContain('convert'),
    );
    expect(story.dyno().runs[0]?.id).toBe(before);
    expect(story.marks('error-code')).not.toContain('R15');
  });

  it('can be flooded only in a running stand-in', async () => {
    const story = await simulate({ env: { RUN_WORKER: 'false' } });
    await story.is('up');
    const { ok, text } = await story.running.act({ type: 'flood', where: 'sidekiq', bytes: MEBIBYTE });
    expect({ ok, text }).toEqual({ ok: false, text: 'no sidekiq runs' });
  });
});

describe('an impossible action', () => {
  it('is refused with a reason', async () => {
    const story = await instance();
    expect(await story.running.act({ type: 'restart', dyno: 'web.7' })).toEqual({
      ok: false,
      text: 'no dyno web.7: there are web.1',
    });
    const [first, second] = await Promise.all([
      story.running.act({ type: 'deploy' }),
      story.running.act({ type: 'deploy' }),
    ]);
    expect([first.ok, second.ok]).toEqual([true, false]);
    expect(second.text).toBe('a release is running');
  });
});
