import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '../../exit-status.ts';
import { type DevOptions, parsePort } from '../options.ts';
import { type AppJson, type DynoSpec, makeFormation, NO_APP_JSON, parseAppJson, parseProcfile } from './app-files.ts';
import { configVars, type ConfigVars, dotenvSources } from './config-vars.ts';
import { type ConcurrencyScript, findConcurrencyScript } from './dyno-env.ts';
import { findRemoteData } from './remote-data.ts';

/** The app to simulate, as its files said when they were last read. */
export type App = {
  folder: string;
  /** The embedded stand-ins run instead of the folder's own commands. */
  standIns: boolean;
  /** The path of the Procfile. */
  procfile: string;
  dynos: readonly DynoSpec[];
  release: string | null;
  config: ConfigVars;
  /** The buildpack whose profile script sets WEB_CONCURRENCY, or null. */
  concurrencyScript: ConcurrencyScript | null;
  /** PORT from the shell or .env: the port for the edge. */
  port: number | null;
  /** The database plan's connection limit. */
  maxConnections: number;
  notes: readonly string[];
};

/** Files that identify a Mastodon checkout. */
const CHECKOUT_FILES = ['Gemfile', 'config/puma.rb', 'config/sidekiq.yml'];

/** Reads Procfile, app.json and .env. Each deploy reads them again. packageFolder:
 * its Procfile and app.json are the fallback for stand-ins.
 * @throws ConfigError with every problem of these files */
export async function readApp(options: DevOptions, env: NodeJS.ProcessEnv, packageFolder: string): Promise<App> {
  const folder = existingFolder(options.folder);
  const standIns = options.standIns || !CHECKOUT_FILES.every((file) => existsSync(join(folder, file)));
  const fallback = (name: string): string | null => (standIns ? join(packageFolder, name) : null);
  const procfile = options.procfile ?? pathIfExists(join(folder, 'Procfile')) ?? fallback('Procfile');
  if (procfile === null)
    throw new ConfigError([`${folder}: no Procfile; copy ${join(packageFolder, 'Procfile')} there`]);
  const { types, problems } = parseProcfile(readTextFile(procfile));
  const json = readAppJson(pathIfExists(join(folder, 'app.json')) ?? fallback('app.json'));
  const config = await configVars(env, json.app, pathIfExists(join(folder, '.env')));
  const remote = standIns ? [] : findRemoteData([...config.sources, ...(await dotenvSources(folder, config.vars))]);
  const formation = makeFormation(types, json.app, options);
  const allProblems = [
    ...problems,
    ...json.problems,
    ...portProblems(config.port),
    ...connectionProblems(config.vars),
    ...(options.allowRemoteData ? [] : remoteProblems(remote)),
    ...(problems.length > 0 ? [] : formation.problems),
  ];
  if (allProblems.length > 0) throw new ConfigError(allProblems);
  const { vars } = config;
  const concurrencyScript = findConcurrencyScript(options.buildpacks ?? json.app.buildpacks);
  return {
    folder,
    standIns,
    procfile,
    dynos: formation.dynos,
    release: types.get('release') ?? null,
    config: vars,
    concurrencyScript,
    port: config.port === null ? null : Number(config.port),
    maxConnections: Number(vars.SUPERVISE_DB_CONNECTIONS ?? DEFAULT_MAX_CONNECTIONS),
    notes: [...config.notes, ...formation.notes, ...concurrencyNotes(concurrencyScript, vars), ...remote],
  };
}

function existingFolder(path: string): string {
  const folder = resolve(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return folder;
  throw new ConfigError([`--dir ${path}: no such folder`]);
}

function remoteProblems(remote: readonly string[]): string[] {
  if (remote.length === 0) return [];
  return [
    'dev would run migrations and jobs on the data of this checkout, which may not be on this machine:',
    ...remote.map((line) => `  ${line}`),
    'point these variables at this machine, for example in .env, or use --stand-ins; --allow-remote-data skips this check',
  ];
}

function concurrencyNotes(script: ConcurrencyScript | null, { WEB_CONCURRENCY }: ConfigVars): string[] {
  if (script === null || WEB_CONCURRENCY !== undefined) return [];
  return [`the profile script of ${script} sets WEB_CONCURRENCY in every dyno, because no heroku/ruby comes after it`];
}

/** The limit of the platform's smallest PostgreSQL plan. [F] */
const DEFAULT_MAX_CONNECTIONS = 20;

function connectionProblems({ SUPERVISE_DB_CONNECTIONS: text }: ConfigVars): string[] {
  const isNumber = text === undefined || /^\d{1,6}$/.test(text);
  return isNumber ? [] : [`SUPERVISE_DB_CONNECTIONS=${text}: expected a whole number`];
}

function portProblems(port: string | null): string[] {
  const isPort = port === null || parsePort(port) !== undefined;
  return isPort ? [] : [`PORT=${port}: expected a port from 1 to 65000`];
}

function readAppJson(file: string | null): { app: AppJson; problems: readonly string[] } {
  return file === null ? { app: NO_APP_JSON, problems: [] } : parseAppJson(readTextFile(file));
}

function pathIfExists(file: string): string | null {
  return existsSync(file) ? file : null;
}

function readTextFile(file: string): string {
  try {
    // Reading a pipe or device would block the process, and Ctrl-C with it.
    if (!statSync(file).isFile()) throw new Error('not a file');
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`${file}: ${(error as Error).message}`]);
  }
}
