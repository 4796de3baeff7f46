import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { NO_APP_JSON, parseAppJson, type AppJson } from './app-json.ts';
import { findConcurrencyScript, type ConcurrencyScript } from './buildpacks.ts';
import { configVars, readByMastodon, type ConfigVars } from './config-vars.ts';
import { makeFormation, type DynoSpec } from './formation.ts';
import { remoteData } from './local-data.ts';
import type { DevOptions } from './options.ts';
import { parseProcfile } from './procfile.ts';

/** What is simulated, as its files said when they were last read. */
export type App = {
  folder: string;
  /** The embedded stand-ins run instead of what the folder holds. */
  standIns: boolean;
  /** Where the Procfile came from. */
  procfile: string;
  dynos: readonly DynoSpec[];
  release: string | null;
  config: ConfigVars;
  /** The buildpack whose profile script sets WEB_CONCURRENCY; null: none does. */
  concurrencyScript: ConcurrencyScript | null;
  /** PORT of the shell or of .env: where the edge is wanted. */
  port: number | null;
  /** How many database connections the plan allows. */
  connectionsMost: number;
  notes: readonly string[];
};

/** What a Mastodon checkout has, as far as its dynos look at it. */
const OF_A_CHECKOUT = ['Gemfile', 'config/puma.rb', 'config/sidekiq.yml'];

/** Reads Procfile, app.json and .env anew, as each deploy does. home: the folder of this package, whose own files serve where
 * the app has none.
 * @throws ConfigError with every problem of them */
export async function readApp(options: DevOptions, env: NodeJS.ProcessEnv, home: string): Promise<App> {
  const folder = resolve(options.folder);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new ConfigError([`--dir ${options.folder}: no such folder`]);
  const isCheckout = OF_A_CHECKOUT.every((file) => existsSync(join(folder, file)));
  const standIns = options.standIns || !isCheckout;
  const procfile = options.procfile ?? existing(join(folder, 'Procfile')) ?? (standIns ? join(home, 'Procfile') : null);
  if (procfile === null) throw new ConfigError([`${folder}: no Procfile; copy ${join(home, 'Procfile')} there`]);
  const { types, problems } = parseProcfile(read(procfile));
  const json = appJson(existing(join(folder, 'app.json')) ?? (standIns ? join(home, 'app.json') : null));
  const config = await configVars(env, json.app, existing(join(folder, '.env')));
  const remote = standIns ? [] : remoteData([...config.sources, ...(await readByMastodon(folder, config.vars))]);
  const formation = makeFormation(types, json.app, options);
  const all = [
    ...problems,
    ...json.problems,
    ...portProblems(config.port),
    ...connectionProblems(config.vars),
    ...(options.allowRemoteData ? [] : remoteProblems(remote)),
    ...(problems.length > 0 ? [] : formation.problems),
  ];
  if (all.length > 0) throw new ConfigError(all);
  const release = types.get('release') ?? null;
  const { vars } = config;
  const concurrencyScript = findConcurrencyScript(options.buildpacks ?? json.app.buildpacks);
  const notes = [...config.notes, ...formation.notes, ...scriptNotes(concurrencyScript, vars), ...remote];
  const port = config.port === null ? null : Number(config.port);
  const connectionsMost = Number(vars.SUPERVISE_DB_CONNECTIONS ?? CONNECTIONS_MOST);
  const { dynos } = formation;
  return { folder, standIns, procfile, dynos, release, config: vars, concurrencyScript, port, connectionsMost, notes };
}

function remoteProblems(remote: readonly string[]): string[] {
  if (remote.length === 0) return [];
  return [
    'dev runs migrations and sidekiq on the data of this checkout, and that is not known to be on this machine:',
    ...remote.map((line) => `  ${line}`),
    'point these variables at this machine, for example in .env, or use --stand-ins; --allow-remote-data skips this check',
  ];
}

function scriptNotes(script: ConcurrencyScript | null, { WEB_CONCURRENCY }: ConfigVars): string[] {
  if (script === null || WEB_CONCURRENCY !== undefined) return [];
  return [`no heroku/ruby comes after ${script}, whose profile script sets WEB_CONCURRENCY in every dyno`];
}

/** The smallest plan of the platform's PostgreSQL allows so many. [F] */
const CONNECTIONS_MOST = 20;

function connectionProblems({ SUPERVISE_DB_CONNECTIONS: text }: ConfigVars): string[] {
  const isNumber = text === undefined || /^\d{1,6}$/.test(text);
  return isNumber ? [] : [`SUPERVISE_DB_CONNECTIONS=${text}: expected a whole number`];
}

/** The next two are the page's and the first dyno's. */
function portProblems(port: string | null): string[] {
  const isPort = port === null || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_000);
  return isPort ? [] : [`PORT=${port}: expected a port from 1 to 65000`];
}

function appJson(file: string | null): { app: AppJson; problems: readonly string[] } {
  return file === null ? { app: NO_APP_JSON, problems: [] } : parseAppJson(read(file));
}

function existing(file: string): string | null {
  return existsSync(file) ? file : null;
}

function read(file: string): string {
  try {
    // A pipe or a device would be waited for, deaf to every Ctrl-C.
    if (!statSync(file).isFile()) throw new Error('not a file');
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`${file}: ${(error as Error).message}`]);
  }
}
