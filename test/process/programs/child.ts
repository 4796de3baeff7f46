import { toExitCode } from '../../../src/exit-status.ts';
import { spawnChild } from '../../../src/process/spawn.ts';

/** Runs the command in its arguments as the supervisor would, with its own output. */
const [command = 'true', ...args] = process.argv.slice(2);
const child = spawnChild([command, ...args], { env: process.env, folder: process.cwd(), output: 'inherit' });
process.exitCode = toExitCode(await child.exited);
