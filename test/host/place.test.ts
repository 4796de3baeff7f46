import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { newRunId, readPlace } from '../../src/host/place.ts';
import { tempFolder } from '../harness/dyno.ts';

let folder: string;
const REST = {
  socketFolder: expect.any(String) as string,
  jitter: expect.any(Number) as number,
  jemalloc: null,
  quota: null,
  openFiles: { limit: expect.any(Number) as number, open: expect.any(Number) as number },
};

function enter(place: string): void {
  const before = process.cwd();
  onTestFinished(() => process.chdir(before));
  process.chdir(place);
}

beforeEach(() => {
  folder = realpathSync(tempFolder());
  enter(folder);
});

test('an empty folder has nothing', () => {
  const nothing = { 'config/puma.rb': false, 'config/environment.rb': false, streaming: false };
  expect(readPlace('run')).toEqual({ folder, runId: 'run', has: nothing, sidekiqYml: null, ...REST });
});

test('a checkout has it all', () => {
  mkdirSync('config');
  mkdirSync('streaming');
  writeFileSync('config/puma.rb', '');
  writeFileSync('config/environment.rb', '');
  writeFileSync('config/sidekiq.yml', ':queues:\n  - [défaut, 8]\n');
  expect(readPlace('run')).toEqual({
    folder,
    runId: 'run',
    has: { 'config/puma.rb': true, 'config/environment.rb': true, streaming: true },
    sidekiqYml: ':queues:\n  - [défaut, 8]\n',
    ...REST,
  });
});

test('a sidekiq.yml that cannot be read is none, an empty one is empty', () => {
  mkdirSync('config/sidekiq.yml', { recursive: true });
  expect(readPlace('run').sidekiqYml).toBeNull();
  enter(join(folder, 'config'));
  mkdirSync('config');
  writeFileSync('config/sidekiq.yml', '');
  expect(readPlace('run')).toMatchObject({ folder: join(folder, 'config'), sidekiqYml: '' });
});

test('runs have names of their own, which an environment can carry', () => {
  const names = Array.from({ length: 1000 }, newRunId);
  expect(new Set(names).size).toBe(1000);
  for (const name of names) expect(name).toMatch(/^mstdn-supervise-\d+-[0-9a-z]+$/);
});

test('jitter is different for each run', () => {
  const all = Array.from({ length: 100 }, () => readPlace('run').jitter);
  expect(new Set(all).size).toBe(100);
  expect(all.every((one) => one >= 0 && one < 1)).toBe(true);
});

describe('jemalloc', () => {
  const found = (enabled: boolean, file: string | null): string | null => readPlace('run', { enabled, file }).jemalloc;

  test('is looked for where it is enabled', () => {
    expect(found(false, null)).toBeNull();
    writeFileSync('mine.so', '');
    expect(found(false, join(folder, 'mine.so'))).toBeNull();
  });

  test('in the file that is named, and nowhere else', () => {
    writeFileSync('mine.so', '');
    expect(found(true, join(folder, 'mine.so'))).toBe(join(folder, 'mine.so'));
    expect(found(true, 'mine.so')).toBe(join(folder, 'mine.so'));
    expect(found(true, join(folder, 'other.so'))).toBeNull();
  });

  test('where Debian has it', () => {
    const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as 'x64' | 'arm64'];
    expect(found(true, null)).toBe(`/usr/lib/${arch}-linux-gnu/libjemalloc.so.2`);
  });
});
