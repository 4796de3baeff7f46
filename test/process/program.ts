import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { type Dyno, type DynoOptions, startDyno, tempFolder } from '../harness/dyno.ts';

type ProgramOptions = DynoOptions & {
  /** Command words before `node PROGRAM …`. */
  through?: readonly [string, ...string[]];
};

/** Runs a program of test/process/programs as a separate process, for tests that need its own signals and descriptors. */
export function startProgram(name: string, { through, args = [], ...options }: ProgramOptions = {}): Dyno {
  const outfile = join(tempFolder(), `${name}.mjs`);
  const entryPoints = [fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))];
  const banner = { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` };
  buildSync({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', banner, logLevel: 'error' });
  const [file = process.execPath, ...rest] = [...(through ?? []), process.execPath, outfile, ...args];
  return startDyno({ ...options, command: [file, ...rest] });
}
