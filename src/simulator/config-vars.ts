import { randomBytes } from 'node:crypto';
import { ConfigError } from '../errors.ts';
import { withEnvFile } from '../host/env-file.ts';
import type { AppJson } from './app-json.ts';

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
): Promise<{ vars: ConfigVars; port: string | null; notes: readonly string[] }> {
  const all = envFile === null ? env : await withFile(env, envFile);
  const given = defined(all);
  const generated = Object.fromEntries(app.secrets.map((name) => [name, secret(name)]));
  const vars = { ...OF_BUILDPACKS, ...app.env, ...generated, ...given };
  const missing = app.required.filter((name) => !vars[name]);
  const notes = missing.map((name) => `app.json requires the config var ${name}, which nobody has set`);
  return { vars, port: all.PORT || null, notes };
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
