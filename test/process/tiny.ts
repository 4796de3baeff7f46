import { fileURLToPath } from 'node:url';
import { startDyno, type Dyno, type DynoOptions } from '../harness/dyno.ts';

const fixture = fileURLToPath(new URL('../fixtures/child.js', import.meta.url));

/** A command line of the tiny child of test/fixtures. */
export function tiny(name: string, options = ''): string {
  return `${process.execPath} ${fixture} ${name} ${options}`;
}

/** puma and sidekiq as tiny children; sidekiq starts at once beside it. */
export function startWeb(puma = '', sidekiq = 'ready', options: DynoOptions = {}): Dyno {
  return startDyno({
    ...options,
    args: options.args ?? ['web'],
    env: {
      RUN_WORKER: 'true',
      PUMA_COMMAND: tiny('puma', puma),
      SIDEKIQ_COMMAND: tiny('sidekiq', sidekiq),
      SUPERVISE_START_TIMEOUT: '0',
      ...options.env,
    },
  });
}

export async function bothUp(dyno: Dyno): Promise<void> {
  await dyno.says(/puma up/);
  await dyno.says(/sidekiq up/);
}

/** The lines of our own JSON log. */
export function events(dyno: Dyno): Record<string, unknown>[] {
  return dyno.output
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function lastLine(dyno: Dyno): string {
  return String(events(dyno).at(-1)?.msg);
}
