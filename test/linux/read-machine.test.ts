import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { platformWarnings, newRunId, readOpenFiles, readMachine } from '../../src/linux/read-machine.ts';
import { tempFolder } from '../harness/dyno.ts';

let folder: string;
const REST = {
  socketFolder: expect.any(String) as string,
  jitter: expect.any(Number) as number,
  jemalloc: null,
  quota: null,
  openFiles: { limit: expect.any(Number) as number, open: expect.any(Number) as number },
};

function enter(path: string): void {
  const before = process.cwd();
  onTestFinished(() => process.chdir(before));
  process.chdir(path);
}

beforeEach(() => {
  folder = realpathSync(tempFolder());
  enter(folder);
});

test('an empty folder has no files of Mastodon', () => {
  const has = { 'config/puma.rb': false, 'config/environment.rb': false, streaming: false };
  expect(readMachine('run')).toEqual({ folder, runId: 'run', has, sidekiqYml: null, ...REST });
});

test('a checkout has all of them', () => {
  mkdirSync('config');
  mkdirSync('streaming');
  writeFileSync('config/puma.rb', '');
  writeFileSync('config/environment.rb', '');
  writeFileSync('config/sidekiq.yml', ':queues:\n  - [défaut, 8]\n');
  expect(readMachine('run')).toEqual({
    folder,
    runId: 'run',
    has: { 'config/puma.rb': true, 'config/environment.rb': true, streaming: true },
    sidekiqYml: ':queues:\n  - [défaut, 8]\n',
    ...REST,
  });
});

test('a sidekiq.yml that cannot be read is null, an empty one is empty', () => {
  mkdirSync('config/sidekiq.yml', { recursive: true });
  expect(readMachine('run').sidekiqYml).toBeNull();
  enter(join(folder, 'config'));
  mkdirSync('config');
  writeFileSync('config/sidekiq.yml', '');
  expect(readMachine('run')).toMatchObject({ folder: join(folder, 'config'), sidekiqYml: '' });
});

test('run ids are unique, and plain enough for an environment variable', () => {
  const ids = Array.from({ length: 1000 }, newRunId);
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^mstdn-supervise-\d+-[0-9a-z]+$/);
});

test('jitter is different for each run', () => {
  const jitters = Array.from({ length: 100 }, () => readMachine('run').jitter);
  expect(new Set(jitters).size).toBe(100);
  expect(jitters.every((jitter) => jitter >= 0 && jitter < 1)).toBe(true);
});

describe('jemalloc', () => {
  const found = (enabled: boolean, file: string | null): string | null =>
    readMachine('run', { enabled, file }).jemalloc;

  test('is not searched for unless it is enabled', () => {
    expect(found(false, null)).toBeNull();
    writeFileSync('mine.so', '');
    expect(found(false, join(folder, 'mine.so'))).toBeNull();
  });

  test('is only searched for in the given file', () => {
    writeFileSync('mine.so', '');
    expect(found(true, join(folder, 'mine.so'))).toBe(join(folder, 'mine.so'));
    expect(found(true, 'mine.so')).toBe(join(folder, 'mine.so'));
    expect(found(true, join(folder, 'other.so'))).toBeNull();
  });

  test('is found in the folder of Debian’s package', () => {
    const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as 'x64' | 'arm64'];
    expect(found(true, null)).toBe(`/usr/lib/${arch}-linux-gnu/libjemalloc.so.2`);
  });
});

test('reads the limit of open files and the number of open ones', () => {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  const before = readOpenFiles();
  const opened = [1, 2, 3].map(() => openSync('/dev/null', 'r'));
  const after = readOpenFiles();
  for (const fd of opened) closeSync(fd);
  expect(before?.limit).toBe(Number(soft));
  expect(after?.open).toBe((before?.open ?? NaN) + 3);
});

afterEach(() => void vi.unstubAllGlobals());

/** Fakes the pid and the platform. The rest of the machine is the real one. */
function fakeProcess(pid: number, platform: NodeJS.Platform): void {
  vi.stubGlobal('process', { pid, platform, env: process.env });
}

test('no warning on Linux with util-linux', () => {
  fakeProcess(2, 'linux');
  expect(platformWarnings(true)).toEqual([]);
});

test('a warning with the remedy as PID 1', () => {
  fakeProcess(1, 'linux');
  expect(platformWarnings(true)).toEqual([expect.stringMatching(/PID 1.*reap.*--init/)]);
});

test('warnings on macOS: neither /proc nor parent-death signal', () => {
  fakeProcess(2, 'darwin');
  const limits = [
    expect.stringMatching(/no \/proc on darwin/),
    expect.stringMatching(/no parent-death signal on darwin/),
  ];
  expect(platformWarnings(true)).toEqual(limits);
});
