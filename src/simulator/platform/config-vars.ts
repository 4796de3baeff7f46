import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../exit-status.ts';
import { withEnvFile } from '../../process/runtime.ts';
import type { AppJson } from './app-files.ts';
import type { VariableSource } from './remote-data.ts';

export type ConfigVars = Readonly<Record<string, string>>;

/** Set by the Ruby and Node buildpacks. [F] */
const BUILDPACK_VARS: ConfigVars = {
  NODE_ENV: 'production',
  RACK_ENV: 'production',
  RAILS_ENV: 'production',
  RAILS_LOG_TO_STDOUT: 'enabled',
  RAILS_SERVE_STATIC_FILES: 'enabled',
};

/** Variables of npm, and those that the platform sets itself. */
const EXCLUDED = /^(npm_.*|INIT_CWD|DYNO|PORT)$/;

const secrets = new Map<string, string>();

/** The app's config vars. Precedence: the shell, .env, app.json, buildpacks. PORT and DYNO belong to the platform;
 * `port` is the given value of PORT. A generated secret stays the same while the simulator runs.
 * @throws ConfigError if the file cannot be read */
export async function configVars(
  env: NodeJS.ProcessEnv,
  app: AppJson,
  envFile: string | null,
): Promise<{ vars: ConfigVars; sources: readonly VariableSource[]; port: string | null; notes: readonly string[] }> {
  const all = envFile === null ? env : await mergeEnvFile(env, envFile);
  const given = nonEmpty(all);
  const generated = Object.fromEntries(app.secrets.map((name) => [name, generatedSecret(name)]));
  const vars = { ...BUILDPACK_VARS, ...app.env, ...generated, ...given };
  const missing = app.required.filter((name) => !vars[name]);
  const notes = missing.map((name) => `app.json requires the config var ${name}, which is not set`);
  return { vars, sources: sourcesOf(vars, env, all), port: all.PORT || null, notes };
}

/** The origin of each config var. all: the environment merged with .env. */
function sourcesOf(vars: ConfigVars, env: NodeJS.ProcessEnv, all: NodeJS.ProcessEnv): VariableSource[] {
  const sourceOf = (name: string): string => (env[name] ? 'environment' : all[name] ? '.env' : 'app.json');
  const entries = Object.entries(vars);
  return ['environment', '.env', 'app.json'].map((name) => ({
    name,
    vars: Object.fromEntries(entries.filter(([variable]) => sourceOf(variable) === name)),
  }));
}

/** Unset variables that Rails and streaming load by themselves, through dotenv.
 * @throws ConfigError if a file cannot be read */
export function dotenvSources(folder: string, vars: ConfigVars): Promise<VariableSource[]> {
  const environments = new Set([vars.RAILS_ENV ?? 'development', vars.NODE_ENV ?? 'development']);
  const names = [...environments].flatMap((name) => [`.env.${name}.local`, `.env.${name}`]);
  const files = ['.env', '.env.local', ...names].filter((name) => existsSync(join(folder, name)));
  return Promise.all(
    files.map(async (name) => {
      const added = Object.entries(await mergeEnvFile({}, join(folder, name)));
      return { name, vars: Object.fromEntries(added.filter(([variable]) => !(variable in vars))) };
    }),
  );
}

async function mergeEnvFile(env: NodeJS.ProcessEnv, file: string): Promise<NodeJS.ProcessEnv> {
  try {
    return await withEnvFile(env, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => problem.replace(/^--env-file /, '')));
  }
}

/** An empty variable counts as unset. */
function nonEmpty(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  return Object.fromEntries(entries.filter(([name]) => !EXCLUDED.test(name)));
}

function generatedSecret(name: string): string {
  const known = secrets.get(name) ?? randomBytes(32).toString('hex');
  secrets.set(name, known);
  return known;
}
