import { toExitCode } from '../../../src/exit-status.ts';
import { runCommand } from '../../../src/process/run-command.ts';

/** Runs the command in its arguments as a release would. */
const [command = 'true', ...args] = process.argv.slice(2);
const step = await runCommand([command, ...args], { env: process.env, folder: process.cwd() });
process.exitCode = toExitCode(await step.exited);
