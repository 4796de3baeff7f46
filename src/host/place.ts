import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../plan/place.ts';

/** A random name for a run. */
export function newRunId(): string {
  return `mstdn-supervise-${Math.random().toString(36).slice(2, 14)}`;
}

/** Looks at the folder that we were started in. */
export function readPlace(runId: string): Place {
  const folder = process.cwd();
  const has = (path: string): boolean => existsSync(join(folder, path));
  return {
    folder,
    runId,
    has: {
      'config/puma.rb': has('config/puma.rb'),
      'config/environment.rb': has('config/environment.rb'),
      streaming: has('streaming'),
    },
    sidekiqYml: readText(join(folder, 'config/sidekiq.yml')),
  };
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
