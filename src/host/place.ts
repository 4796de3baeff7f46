import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { Place } from '../plan/place.ts';

/** A random name for a run, with our pid in it: by that a ready file is known to be nobody's any more. */
export function newRunId(): string {
  return `mstdn-supervise-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
}

/** Looks at the folder that we were started in.
 * @throws ConfigError when it is gone. */
export function readPlace(runId: string): Place {
  const folder = currentFolder();
  const has = (path: string): boolean => existsSync(join(folder, path));
  return {
    folder,
    runId,
    jitter: Math.random(),
    jemalloc: null,
    quota: null,
    has: {
      'config/puma.rb': has('config/puma.rb'),
      'config/environment.rb': has('config/environment.rb'),
      streaming: has('streaming'),
    },
    sidekiqYml: readText(join(folder, 'config/sidekiq.yml')),
  };
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new ConfigError(['the folder that we were started in is gone']);
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
