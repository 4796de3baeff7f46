import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parentDeathPrefix } from '../host/parent-death.ts';
import type { App } from './app.ts';
import { dynoEnv } from './dyno-env.ts';
import type { Birth } from './lives.ts';
import type { Ports } from './ports.ts';
import { copyProfile } from './profile.ts';
import { makeCommands, makeSlug } from './slug.ts';

/** What a life is made of: a name, whether it gets a port, how much memory it may have. */
export type Order = { name: string; hasPort: boolean; quotaBytes: number };

/** Private memory of the stand-ins once they have booted, in mebibytes, as measured of a small instance. */
const STAND_INS = { STAND_IN_PUMA_MB: '190', STAND_IN_SIDEKIQ_MB: '120', STAND_IN_STREAMING_MB: '110' };

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
    this.#folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-dev-'));
    this.control = join(this.#folder, 'control');
    for (const name of ['own', 'commands', 'control']) mkdirSync(join(this.#folder, name));
    symlinkSync(join(home, 'bin/mstdn-supervise.js'), join(this.#folder, 'own/mstdn-supervise'));
    makeCommands(home, join(this.#folder, 'commands'));
  }

  async make(app: App, { name, hasPort, quotaBytes }: Order, databaseUrl: string | null): Promise<Birth> {
    const port = hasPort ? await this.#ports.take() : null;
    const prefix = parentDeathPrefix(app.config.PATH);
    const scratch = join(this.#folder, `${(this.#lives += 1)}`);
    mkdirSync(scratch);
    const place = { name, port, quotaBytes, timeScale: this.#timeScale, scratch };
    const over = (): void => remove(scratch);
    if (!app.standIns) {
      const folders = [join(app.folder, 'bin'), join(app.folder, 'node_modules/.bin'), join(this.#folder, 'own')];
      const env = dynoEnv(app.config, { ...place, folders, standIns: {} });
      return { folder: app.folder, scratch, env, prefix, port, over };
    }
    const slug = join(scratch, 'app');
    mkdirSync(slug);
    makeSlug(this.#home, slug);
    copyProfile(app.folder, slug);
    const folders = [join(this.#folder, 'commands')];
    const standIns = { ...STAND_INS, STAND_IN_CONTROL: this.control };
    const config = { ...app.config, ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }) };
    const path = `${app.config.PATH ?? '/usr/bin:/bin'}:${dirname(process.execPath)}`;
    const env = dynoEnv({ ...config, PATH: path }, { ...place, folders, standIns });
    return { folder: slug, scratch, env, prefix, port, over };
  }

  close(): void {
    remove(this.#folder);
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
