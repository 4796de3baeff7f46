import { readFileSync } from 'node:fs';
import type { Environment } from '../config/settings.ts';
import { ConfigError } from '../errors.ts';

/** Adds the variables of a file to the environment. A variable that is set already, even to nothing, keeps its value.
 * @throws ConfigError when the file cannot be read. */
export async function withEnvFile(env: Environment, file: string): Promise<Environment> {
  const { default: dotenv } = await import('dotenv');
  const variables = dotenv.parse(read(file));
  const invalid = Object.keys(variables).filter((name) => variables[name]?.includes('\0') === true);
  if (invalid.length > 0) {
    throw new ConfigError(invalid.map((name) => `--env-file ${file}: ${name} contains a NUL byte; remove it`));
  }
  return { ...variables, ...env };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`--env-file ${file}: ${(error as Error).message}`]);
  }
}
