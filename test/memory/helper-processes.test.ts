import { describe, expect, test } from 'vitest';
import type { ProcessUse } from '../../src/host.ts';
import { findHelpers, findWorkers } from '../../src/memory/helper-processes.ts';
import { use } from './readings.ts';

const ruby = use('sidekiq', 'ruby3.1', 100);

function helpersAmong(...processes: ProcessUse[]): string[] {
  return findHelpers([ruby, ...processes]).map(({ name }) => name);
}

describe('a helper', () => {
  test('is any program that sidekiq runs', () => {
    for (const name of [
      'convert',
      'convert-im6.q16',
      'magick',
      'vips',
      'ffmpeg',
      'ffprobe',
      'identify',
      'python3.11',
    ]) {
      expect(helpersAmong(use('sidekiq', name, 10))).toEqual([name]);
    }
  });

  test('may run below a shell or another helper', () => {
    const shell = use('sidekiq', 'dash', 1);
    const below = use('sidekiq', 'convert', 9, { pid: 30, parent: shell.pid });
    const deeper = use('sidekiq', 'gs', 9, { pid: 31, parent: 30 });
    expect(helpersAmong(shell, below, deeper)).toEqual(['dash', 'convert', 'gs']);
  });
});

describe('no helper', () => {
  test('a Ruby or Node process, whatever started it', () => {
    for (const name of ['ruby', 'ruby3.1', 'ruby3.4', 'ruby-3.3', 'node', 'nodejs', 'node24', 'jruby', 'truffleruby']) {
      expect(helpersAmong(use('sidekiq', name, 300, { pid: 30, parent: ruby.pid })), name).toEqual([]);
    }
  });

  test('a fork that has not run another program yet, whatever its name', () => {
    expect(helpersAmong(use('sidekiq', 'ruby3.1', 300, { pid: 30, parent: ruby.pid, name: 'convert' }))).toEqual([]);
  });

  test('the first process of a child, and a wrapper between it and its Ruby', () => {
    const java = use('puma', 'java', 400, { pid: 40, parent: 1 });
    const wrapper = use('puma', 'bash', 2, { pid: 41, parent: 40 });
    expect(helpersAmong(java, wrapper, use('puma', 'ruby3.1', 100, { pid: 42, parent: 41 }))).toEqual([]);
  });

  test('a process whose program cannot be read', () => {
    expect(helpersAmong(use('sidekiq', 'convert', 300, { program: null }))).toEqual([]);
  });

  test('a process whose parent is unknown, or that is its own ancestor', () => {
    const orphan = use('sidekiq', 'convert', 300, { pid: 30, parent: 4711 });
    const cyclic = use('sidekiq', 'convert', 300, { pid: 31, parent: 31 });
    expect(helpersAmong(orphan, cyclic)).toEqual([]);
  });
});

describe('the workers of puma', () => {
  const master = use('puma', 'ruby3.1', 100);
  const workers = [11, 12].map((pid) => use('puma', 'ruby3.1', 100, { pid, parent: master.pid }));

  test('are the Ruby processes directly below its master', () => {
    const deeper = use('puma', 'ruby3.1', 5, { pid: 13, parent: 11 });
    const helper = use('puma', 'convert', 5, { pid: 14, parent: 10 });
    expect(findWorkers('puma', [master, ...workers, deeper, helper, ruby])).toEqual(workers);
  });

  test('are unknown below a wrapper, since the process below it may be the master', () => {
    const wrapper = use('puma', 'bash', 1, { pid: 9, parent: 1 });
    expect(findWorkers('puma', [wrapper, { ...master, parent: 9 }, ...workers])).toEqual([]);
  });
});
