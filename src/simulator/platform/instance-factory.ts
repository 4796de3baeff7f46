import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../exit-status.ts';
import { pdeathsigPrefix } from '../../process/spawn.ts';
import type { App } from './app.ts';
import type { ConfigVars } from './config-vars.ts';
import { dynoEnv } from './dyno-env.ts';
import type { InstanceConfig } from './instances.ts';
import type { Ports } from './loopback.ts';
import { namesData } from './remote-data.ts';
import { copyProfile, writeCommands, writeSlug } from './slug.ts';

/** What to prepare for an instance: a name, a port if it needs one, a memory quota. */
type InstanceRequest = { name: string; hasPort: boolean; quotaBytes: number };

/** The working directory of an instance, with its PATH folders and environment. */
type InstanceFiles = { folder: string; folders: readonly string[]; config: ConfigVars; standIns: ConfigVars };

/** Private memory of the booted stand-ins in MiB, as measured on a small instance. */
const STAND_IN_MEMORY = { STAND_IN_PUMA_MB: '190', STAND_IN_SIDEKIQ_MB: '120', STAND_IN_STREAMING_MB: '110' };

/** Short, because socket paths below TMPDIR are limited in length. */
const TEMP_PREFIX = 'mstdn-dev-';

/** Owns the simulation's temporary folder. It holds what dynos need beyond the app's folder: this package's command,
 * the stand-ins' commands, and a fresh slug for each stand-in instance. */
export class InstanceFactory {
  /** The folder of the stand-ins' control sockets. */
  readonly controlFolder: string;
  readonly #folder: string;
  readonly #home: string;
  readonly #ports: Ports;
  readonly #timeScale: number;
  #count = 0;

  constructor(packageFolder: string, ports: Ports, timeScale: number) {
    this.#home = packageFolder;
    this.#ports = ports;
    this.#timeScale = timeScale;
    this.#folder = createFolder(packageFolder);
    this.controlFolder = join(this.#folder, 'control');
  }

  /** @throws Error of the system if there is no space */
  async create(app: App, request: InstanceRequest, databaseUrl: string | null): Promise<InstanceConfig> {
    const port = request.hasPort ? await this.#ports.take() : null;
    const scratch = join(this.#folder, `${(this.#count += 1)}`);
    const dispose = (): void => removeFolder(scratch);
    try {
      mkdirSync(scratch);
      const files = app.standIns ? this.#slug(app, databaseUrl, scratch) : this.#checkout(app);
      const { name, quotaBytes } = request;
      const { concurrencyScript } = app;
      const place = { ...files, name, port, quotaBytes, timeScale: this.#timeScale, scratch, concurrencyScript };
      const env = dynoEnv(files.config, place);
      return { folder: files.folder, scratch, env, prefix: pdeathsigPrefix(app.config.PATH), port, dispose };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  #checkout({ folder, config }: App): InstanceFiles {
    const folders = [join(folder, 'bin'), join(folder, 'node_modules/.bin'), join(this.#folder, 'own')];
    return { folder, folders, config, standIns: {} };
  }

  #slug(app: App, databaseUrl: string | null, scratch: string): InstanceFiles {
    const folder = join(scratch, 'app');
    mkdirSync(folder);
    writeSlug(this.#home, folder);
    copyProfile(app.folder, folder);
    // Stand-ins never learn where real data is.
    const others = Object.fromEntries(Object.entries(app.config).filter(([name]) => !namesData(name)));
    const PATH = `${app.config.PATH ?? '/usr/bin:/bin'}:${dirname(process.execPath)}`;
    const config = { ...others, ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }), PATH };
    const standIns = { ...STAND_IN_MEMORY, STAND_IN_CONTROL: this.controlFolder };
    return { folder, folders: [join(this.#folder, 'commands')], config, standIns };
  }

  close(): void {
    removeFolder(this.#folder);
  }
}

/** @throws ConfigError if no folder can be created */
function createFolder(packageFolder: string): string {
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), TEMP_PREFIX));
    for (const name of ['own', 'commands', 'control']) mkdirSync(join(folder, name));
    symlinkSync(join(packageFolder, 'bin/mstdn-supervise.js'), join(folder, 'own/mstdn-supervise'));
    writeCommands(packageFolder, join(folder, 'commands'));
    return folder;
  } catch (error) {
    if (folder !== null) removeFolder(folder);
    throw new ConfigError([`no folder for temporary files: ${(error as Error).message}; set TMPDIR`]);
  }
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
