import { judge } from './judge.ts';
import type { Answer, Done, Entry, TinyRecord } from './record.ts';
import type { Deed, Nature, Story } from './story.ts';

export const plain: Nature = {
  ...{ bootMs: 0, term: { how: 'exit', code: 0, afterMs: 50 }, end: null, daemon: null },
  ...{ behind: null, lines: 0, stalls: null, grows: null },
};
export const story: Story = {
  ...{ role: 'web', hasWorker: true, hasRouter: true, streaming: 'none', waits: false, hasPrefix: false },
  ...{ stdout: 'pipe', tmp: 'there', memory: 'off', isBusy: false, mistake: null, happenings: [] },
  ...{ puma: plain, sidekiq: plain, streamer: plain },
};
/** The stop; the start is at 1000. */
export const STOP_MS = 7000;
export const [PUMA, SIDEKIQ, OTHER] = [10, 20, 30];

export const term: Deed = { do: 'stop', signal: 'SIGTERM', to: 'supervisor' };
export const interrupt: Deed = { do: 'stop', signal: 'SIGINT', to: 'supervisor' };
export const done = (what: Deed, atMs = STOP_MS, pids: number[] = []): Done => ({
  atMs,
  untilMs: atMs + 1,
  what,
  pids,
});
export const entry = (name: string, pid: number, atMs: number, what: string): Entry => ({ name, pid, atMs, what });
export const life = (name: string, pid: number): Entry[] => [
  ...[entry(name, pid, 1300, 'start'), entry(name, pid, 1310, 'up')],
  ...[entry(name, pid, STOP_MS + 5, 'TERM'), entry(name, pid, STOP_MS + 60, 'drained 0')],
];
export const ledger = [...life('puma', PUMA), ...life('sidekiq', SIDEKIQ)];
export const without = (pid: number, ...whats: string[]): Entry[] =>
  ledger.filter((one) => one.pid !== pid || !whats.some((what) => one.what.startsWith(what)));

export const last = (more: object = {}, why = 'asked to stop by SIGTERM', code = 0): string => {
  const fact = { level: 30, fact: 'outcome', cause: 'signal', signal: 'SIGTERM', code };
  return `${JSON.stringify({ ...fact, msg: `${why}; exit code ${code}`, ...more })}\n`;
};
export const ask = (gave: Answer['gave'], more: Partial<Answer> = {}): Answer => {
  return { question: 'echo', id: 'x', askedAtMs: 3000, endedAtMs: 3010, gave, ...more };
};
export const exit = (code: number): TinyRecord['end'] => ({ code, signal: null });

/** A dyno that was asked to stop, and did at once. */
export const good: TinyRecord = {
  ...{ startedAtMs: 1000, endedAtMs: STOP_MS + 100, end: exit(0), done: [done(term)], ledger, output: last() },
  ...{ apart: '', warnings: [], reader: 'reads', answers: [ask({ status: 200, isWhole: true, isRight: true })] },
  ...{ processesLeft: [], filesLeft: [], isTmpRoomy: false, lagMs: 0 },
};
export const grows = (memory: Story['memory'], what: 'self' | 'helper'): Partial<Story> => {
  return { memory, sidekiq: { ...plain, grows: { what, inMs: 300 } } };
};
export const behind = (how: 'script' | 'session'): Partial<Story> => ({ sidekiq: { ...plain, behind: how } });
export const started = entry('sidekiq', OTHER, 1300, `waits-for ${SIDEKIQ}`);
export const mistaken: Partial<TinyRecord> = {
  end: exit(127),
  done: [],
  ledger: [],
  output: last({}, 'not found', 127),
};
export const atBoot: Partial<TinyRecord> = {
  ...{ end: { code: null, signal: 'SIGTERM' }, done: [done(term, 1100)], ledger: [], output: '', answers: [] },
};
export const streaming: Partial<Story> = { streaming: 'on-demand' };
export const dead: Partial<TinyRecord> = {
  ...{ end: { code: null, signal: 'SIGKILL' }, done: [done({ do: 'kill', whom: 'supervisor' })], output: '' },
};
export const fallen = last({ cause: 'child-exited', child: 'puma' }, 'puma was killed by SIGKILL', 137);
export const fall = (pid: number, atMs: number, endedAtMs: number): Entry[] => [
  ...[entry('puma', pid, atMs, 'start'), entry('puma', pid, atMs + 10, 'up')],
  ...[entry('puma', pid, atMs + 300, 'grow'), entry('puma', pid, endedAtMs, 'crash SIGKILL')],
];
export const briefly = (pid: number, atMs: number, upMs = 9): Entry[] => [
  ...[entry('streaming', pid, atMs, 'start'), entry('streaming', pid, atMs + 10, 'up')],
  entry('streaming', pid, atMs + 10 + upMs, 'crash SIGSEGV'),
];
export const asked = (pid: number, atMs: number): Entry[] => {
  const name = pid === PUMA ? 'puma' : 'sidekiq';
  return [entry(name, pid, atMs, 'TERM'), entry(name, pid, atMs + 60, 'drained 0')];
};
export const killedOne: Partial<TinyRecord> = {
  ...{ end: exit(137), endedAtMs: STOP_MS + 1600, ledger: without(SIDEKIQ, 'drained') },
  output: last({}, 'asked to stop by SIGTERM; sidekiq had to be killed', 137),
};
export const tell = (atMs: number): Done => done({ do: 'tell', signal: 'SIGTERM', whom: 'sidekiq' }, atMs, [SIDEKIQ]);
export const ended = (code: number, how: string): string =>
  last({ cause: 'child-exited', child: 'sidekiq', signal: undefined }, `sidekiq ${how}`, code);
export const notYetAsked = ledger.filter(({ what }) => !/TERM|drained/.test(what));
/** One TERM to sidekiq alone, which drains; its end is the dyno's. */
export const told: Partial<TinyRecord> = {
  ...{ end: exit(1), endedAtMs: 5160, done: [tell(5000)], output: ended(1, 'ended with code 0') },
  ledger: [...notYetAsked, ...asked(SIDEKIQ, 5001), ...asked(PUMA, 5065)],
};
export const half = [entry('puma', PUMA, 1320, 'half'), entry('puma', PUMA, 1400, 'rest')];
export const lateHelper = (endedAtMs: number, ...helpers: Entry[]): Partial<TinyRecord> => ({
  ...{ end: exit(137), endedAtMs: STOP_MS + 1600 },
  output: last({}, 'asked to stop by SIGTERM; perl (pid 77) had to be killed', 137),
  ledger: [...without(SIDEKIQ, 'drained'), ...helpers, entry('sidekiq', SIDEKIQ, endedAtMs, 'crash SIGABRT')],
});
/** Of sidekiq; where it ends by itself, it had its TERM before. */
export const daemon = (endedAtMs: number | null): Entry[] => [
  entry('sidekiq.daemon', OTHER, 2000, 'start'),
  ...(endedAtMs === null ? [] : [entry('sidekiq.daemon', OTHER, endedAtMs - 1, 'TERM')]),
  ...(endedAtMs === null ? [] : [entry('sidekiq.daemon', OTHER, endedAtMs, 'drained 0')]),
];
/** A sidekiq that ends by itself while the dyno stops. */
export const endedLate = (endedAtMs: number, killed: string, ...more: Entry[]): Partial<TinyRecord> => ({
  ...{ end: exit(137), endedAtMs: STOP_MS + 1600 },
  output: last({}, `asked to stop by SIGTERM; ${killed} had to be killed`, 137),
  ledger: [...without(SIDEKIQ, 'drained'), entry('sidekiq', SIDEKIQ, endedAtMs, 'crash 1'), ...more],
});
/** A sidekiq that we kill while the dyno stops, and its daemon, which the dyno kills. */
export const killedLate = (atMs: number): Partial<TinyRecord> => ({
  ...endedLate(atMs, 'ruby (pid 30)', ...daemon(null)),
  ...{ done: [done(term), done({ do: 'kill', whom: 'sidekiq' }, atMs, [SIDEKIQ])] },
  ledger: [...without(SIDEKIQ, 'drained'), ...daemon(null)],
});
/** Two INTs, and last lines that are not read for as long as the budget allows. */
export const waiting: Partial<TinyRecord> = {
  ...{
    end: exit(137),
    endedAtMs: STOP_MS + 2900,
    done: [done(interrupt), done(interrupt, STOP_MS + 600)],
    reader: 'stalls',
  },
  ...{ ledger: without(SIDEKIQ, 'drained'), output: `${'x'.repeat(99)}\n`.repeat(400) },
};
export const fallsOfStreaming = (...times: number[]): Partial<TinyRecord> => ({
  ...{ end: exit(139), endedAtMs: 9900, done: [], answers: [] },
  output: last({ cause: 'child-exited', child: 'streaming' }, 'streaming was ended by SIGSEGV', 139),
  ledger: [
    ...notYetAsked,
    ...times.flatMap((upMs, index) => briefly(OTHER + index, 2000 + 2500 * index, upMs)),
    ...[PUMA, SIDEKIQ].flatMap((pid) => asked(pid, 9800)),
  ],
});
export const ignoring = { sidekiq: { ...plain, term: { how: 'ignore' } } } satisfies Partial<Story>;

export type Case = [name: string, change: Partial<TinyRecord>, of?: Partial<Story>];
export type Broken = [name: string, change: Partial<TinyRecord>, of: Partial<Story>, pattern: RegExp];

export const problems = (change: Partial<TinyRecord>, of: Partial<Story> = {}): string[] =>
  judge({ ...story, ...of }, { ...good, ...change });
