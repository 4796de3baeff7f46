import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { withEnvFile } from '../process/env-file.ts';
import type { AppJson } from './app-json.ts';
import type { Source } from './local-data.ts';

export type ConfigVars = Readonly<Record<string, string>>;

/** What the buildpacks of Ruby and Node set. [F] */
const OF_BUILDPACKS: ConfigVars = {
  NODE_ENV: 'production',
  RACK_ENV: 'production',
  RAILS_ENV: 'production',
  RAILS_LOG_TO_STDOUT: 'enabled',
  RAILS_SERVE_STATIC_FILES: 'enabled',
};

/** npm's own, which no platform would set. */
const NOT_HANDED_ON = /^(npm_.*|INIT_CWD|DYNO|PORT)$/;

const secrets = new Map<string, string>();

/** The config vars of the app: what the shell has set wins over .env, that over app.json, that over the buildpacks. PORT and
 * DYNO are the platform's; `port` is what they say of the former, for whoever wants it. A secret that app.json has generated stays the same while we run.
 * @throws ConfigError when the file cannot be read */
export async function configVars(
  env: NodeJS.ProcessEnv,
  app: AppJson,
  envFile: string | null,
): Promise<{ vars: ConfigVars; sources: readonly Source[]; port: string | null; notes: readonly string[] }> {
  const all = envFile === null ? env : await withFile(env, envFile);
  const given = defined(all);
  const generated = Object.fromEntries(app.secrets.map((name) => [name, secret(name)]));
  const vars = { ...OF_BUILDPACKS, ...app.env, ...generated, ...given };
  const missing = app.required.filter((name) => !vars[name]);
  const notes = missing.map((name) => `app.json requires the config var ${name}, which nobody has set`);
  return { vars, sources: sourcesOf(vars, env, all), port: all.PORT || null, notes };
}

/** Where each config var comes from. all: the environment with what .env adds. */
function sourcesOf(vars: ConfigVars, env: NodeJS.ProcessEnv, all: NodeJS.ProcessEnv): Source[] {
  const sourceOf = (name: string): string => (env[name] ? 'environment' : all[name] ? '.env' : 'app.json');
  const entries = Object.entries(vars);
  return ['environment', '.env', 'app.json'].map((name) => ({
    name,
    vars: Object.fromEntries(entries.filter(([variable]) => sourceOf(variable) === name)),
  }));
}

/** What Rails and streaming add to the config vars by themselves, through dotenv: variables of these files that are not set.
 * @throws ConfigError when a file cannot be read */
export function readByMastodon(folder: string, vars: ConfigVars): Promise<Source[]> {
  const environments = new Set([vars.RAILS_ENV ?? 'development', vars.NODE_ENV ?? 'development']);
  const names = [...environments].flatMap((name) => [`.env.${name}.local`, `.env.${name}`]);
  const files = ['.env', '.env.local', ...names].filter((name) => existsSync(join(folder, name)));
  return Promise.all(
    files.map(async (name) => {
      const added = Object.entries(await withFile({}, join(folder, name)));
      return { name, vars: Object.fromEntries(added.filter(([variable]) => !(variable in vars))) };
    }),
  );
}

async function withFile(env: NodeJS.ProcessEnv, file: string): Promise<NodeJS.ProcessEnv> {
  try {
    return await withEnvFile(env, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => problem.replace(/^--env-file /, '')));
  }
}

/** An empty variable counts as none. */
function defined(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  return Object.fromEntries(entries.filter(([name]) => !NOT_HANDED_ON.test(name)));
}

function secret(name: string): string {
  const known = secrets.get(name) ?? randomBytes(32).toString('hex');
  secrets.set(name, known);
  return known;
}
