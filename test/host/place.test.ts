import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { newRunId, readPlace } from '../../src/host/place.ts';
import { tempFolder } from '../harness/dyno.ts';

let folder: string;

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
  expect(readPlace('run')).toEqual({ folder, runId: 'run', has: nothing, sidekiqYml: null });
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
