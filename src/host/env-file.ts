import { readFile } from 'node:fs/promises';
import { ConfigError } from '../errors.ts';
import type { Environment } from '../plan/settings.ts';

/** The environment with the variables of a file added, never overriding what is set.
 * @throws ConfigError when the file cannot be read. */
export async function withEnvFile(env: Environment, file: string): Promise<Environment> {
  const { default: dotenv } = await import('dotenv');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new ConfigError([`--env-file ${file}: ${(error as Error).message}`]);
  });
  return { ...dotenv.parse(text), ...env };
}
