import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { addressIn, type Address } from './get.ts';

type Environment = Readonly<Record<string, string>>;

/** One of the programs that a dyno runs, real or a stand-in: how the tables of behaviour start it. */
export type Part = {
  /** A folder to start it in, with a tmp/; goes with the test. */
  folder: () => string;
  /** Starts it in such a folder, one of its own where none is named; gives it time to boot only where `slowBoot` is in the environment. */
  start: (args?: readonly string[], env?: Environment, cwd?: string) => Dyno;
  /** Makes it boot for longer than a test waits, after it has said `saysFirst`. */
  slowBoot: Environment;
  saysFirst: RegExp;
};

/** `start` here means: with a job of that many seconds in hand. Jobs that come later are as long. */
export type Worker = Part & {
  startBusy: (jobSeconds: number, args: readonly string[], env?: Environment, cwd?: string) => Promise<Dyno>;
};

export function standIn(
  name: 'puma' | 'sidekiq' | 'streaming' | 'rails',
  saysFirst: RegExp,
  node = process.execPath,
): Part {
  const file = fileURLToPath(new URL(`../../dist/simulator/stand-ins/${name}.js`, import.meta.url));
  return {
    folder: workFolder,
    start: (args = [], env = {}, cwd = workFolder()) =>
      startDyno({
        command: [node, file, ...args],
        env: { STAND_IN_BOOT_MS: '0', STAND_IN_JOB_MS: '0', STAND_IN_REDIS_MS: '0', ...env },
        cwd,
      }),
    slowBoot: { STAND_IN_BOOT_MS: '600000' },
    saysFirst,
  };
}

export function standInWorker(): Worker {
  const part = standIn('sidekiq', /Booting Sidekiq/);
  return {
    ...part,
    startBusy: async (jobSeconds, args, env = {}, cwd) => {
      const busy = { STAND_IN_JOB_MS: String(jobSeconds * 1000), STAND_IN_JOB_EVERY_MS: '1', ...env };
      const dyno = part.start(args, busy, cwd);
      await dyno.waitForOutput(/INFO: start/);
      return dyno;
    },
  };
}

/** Where it answers, once it says that it listens. */
export async function listening(dyno: Dyno): Promise<Address> {
  const [, text = ''] = await dyno.waitForOutput(/[Ll]istening on (\S+)/);
  return addressIn(text);
}

function workFolder(): string {
  const folder = tempFolder();
  mkdirSync(join(folder, 'tmp'));
  return folder;
}
