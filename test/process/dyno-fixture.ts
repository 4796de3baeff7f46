import { fileURLToPath } from 'node:url';
import { startDyno, type Dyno, type DynoOptions } from '../harness/dyno.ts';

const fixture = fileURLToPath(new URL('../fixtures/child.js', import.meta.url));

/** The command line of a child of test/fixtures/child.js. */
export function childCommand(name: string, options = ''): string {
  return `${process.execPath} ${fixture} ${name} ${options}`;
}

/** A web dyno with fixture children as puma and sidekiq. Sidekiq does not wait for puma. */
export function startWeb(puma = '', sidekiq = 'ready', options: DynoOptions = {}): Dyno {
  return startDyno({
    ...options,
    args: options.args ?? ['web'],
    env: {
      RUN_WORKER: 'true',
      PUMA_COMMAND: childCommand('puma', puma),
      SIDEKIQ_COMMAND: childCommand('sidekiq', sidekiq),
      SUPERVISE_START_TIMEOUT: '0',
      ...options.env,
    },
  });
}

export async function waitForBothChildren(dyno: Dyno): Promise<void> {
  await dyno.waitForOutput(/puma up/);
  await dyno.waitForOutput(/sidekiq up/);
}

/** The lines of the supervisor's JSON log. */
export function events(dyno: Dyno): Record<string, unknown>[] {
  return dyno.output
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function lastLogMessage(dyno: Dyno): string {
  return String(events(dyno).at(-1)?.msg);
}
