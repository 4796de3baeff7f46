import { readFileSync } from 'node:fs';
import type { Environment } from '../config/settings.ts';
import { ConfigError } from '../errors.ts';

/** The environment with the variables of a file added, never overriding what is set.
 * @throws ConfigError when the file cannot be read. */
export async function withEnvFile(env: Environment, file: string): Promise<Environment> {
  const { default: dotenv } = await import('dotenv');
  const added = dotenv.parse(read(file));
  const problems = Object.keys(added).filter((name) => added[name]?.includes('\0') === true);
  if (problems.length > 0) throw new ConfigError(problems.map((name) => `--env-file ${file}: a NUL byte in ${name}`));
  return { ...added, ...env };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`--env-file ${file}: ${(error as Error).message}`]);
  }
}
