import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { pdeathsigPrefix } from '../process/spawn.ts';
import type { App } from './app.ts';
import type { ConfigVars } from './config-vars.ts';
import { dynoEnv } from './dyno-env.ts';
import type { Birth } from './lives.ts';
import { namesData } from './local-data.ts';
import type { Ports } from './ports.ts';
import { copyProfile } from './profile.ts';
import { makeCommands, makeSlug } from './slug.ts';

/** What a life is made of: a name, whether it gets a port, how much memory it may have. */
export type Order = { name: string; hasPort: boolean; quotaBytes: number };

/** Where a life runs, with what in front of its PATH and in its environment. */
type Made = { folder: string; folders: readonly string[]; config: ConfigVars; standIns: ConfigVars };

/** Private memory of the stand-ins once they have booted, in mebibytes, as measured of a small instance. */
const STAND_INS = { STAND_IN_PUMA_MB: '190', STAND_IN_SIDEKIQ_MB: '120', STAND_IN_STREAMING_MB: '110' };

/** The path of a dyno's TMPDIR has to leave room for the names of sockets. */
const SHORT_NAME = 'mstdn-dev-';

/** A folder of the simulation's own, and in it what dynos need that the app's folder has not: our command, the stand-ins'
 * commands, and on the stand-ins a fresh slug for each life. */
export class Workshop {
  /** Where the stand-ins listen for what they shall do. */
  readonly control: string;
  readonly #folder: string;
  readonly #home: string;
  readonly #ports: Ports;
  readonly #timeScale: number;
  #lives = 0;

  constructor(home: string, ports: Ports, timeScale: number) {
    this.#home = home;
    this.#ports = ports;
    this.#timeScale = timeScale;
    this.#folder = makeFolder(home);
    this.control = join(this.#folder, 'control');
  }

  /** @throws Error of the system where there is no room for it */
  async make(app: App, order: Order, databaseUrl: string | null): Promise<Birth> {
    const port = order.hasPort ? await this.#ports.take() : null;
    const scratch = join(this.#folder, `${(this.#lives += 1)}`);
    const over = (): void => remove(scratch);
    try {
      mkdirSync(scratch);
      const made = app.standIns ? this.#slug(app, databaseUrl, scratch) : this.#checkout(app);
      const { name, quotaBytes } = order;
      const { concurrencyScript } = app;
      const place = { ...made, name, port, quotaBytes, timeScale: this.#timeScale, scratch, concurrencyScript };
      const env = dynoEnv(made.config, place);
      return { folder: made.folder, scratch, env, prefix: pdeathsigPrefix(app.config.PATH), port, over };
    } catch (error) {
      over();
      throw error;
    }
  }

  #checkout({ folder, config }: App): Made {
    const folders = [join(folder, 'bin'), join(folder, 'node_modules/.bin'), join(this.#folder, 'own')];
    return { folder, folders, config, standIns: {} };
  }

  #slug(app: App, databaseUrl: string | null, scratch: string): Made {
    const folder = join(scratch, 'app');
    mkdirSync(folder);
    makeSlug(this.#home, folder);
    copyProfile(app.folder, folder);
    // No command of a stand-in's dyno learns where the real data is.
    const others = Object.fromEntries(Object.entries(app.config).filter(([name]) => !namesData(name)));
    const PATH = `${app.config.PATH ?? '/usr/bin:/bin'}:${dirname(process.execPath)}`;
    const config = { ...others, ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }), PATH };
    const standIns = { ...STAND_INS, STAND_IN_CONTROL: this.control };
    return { folder, folders: [join(this.#folder, 'commands')], config, standIns };
  }

  close(): void {
    remove(this.#folder);
  }
}

/** @throws ConfigError where nothing can be written */
function makeFolder(home: string): string {
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), SHORT_NAME));
    for (const name of ['own', 'commands', 'control']) mkdirSync(join(folder, name));
    symlinkSync(join(home, 'bin/mstdn-supervise.js'), join(folder, 'own/mstdn-supervise'));
    makeCommands(home, join(folder, 'commands'));
    return folder;
  } catch (error) {
    if (folder !== null) remove(folder);
    throw new ConfigError([`no place for temporary files: ${(error as Error).message}; choose one with TMPDIR`]);
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
