// Runs the main function of a benchmark, and prints an error that the user can act on as one line.
import { CannotRun } from '../scripts/quietly.js';

/** A wrong argument. The message names it and says what was expected. */
export class UsageError extends Error {}

/** `usageStatus`: the exit code for a wrong argument; `usageHint`: a sentence after the message of a wrong option. */
export async function runMain(
  command: string,
  main: () => Promise<void>,
  { usageStatus = 1, usageHint = '' } = {},
): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (isParseArgsError(error)) fail(command, `${firstSentence(error.message)}${usageHint}`, usageStatus);
    else if (error instanceof UsageError) fail(command, error.message, usageStatus);
    else if (error instanceof CannotRun) fail(command, error.message, 1);
    else throw error;
  }
}

function fail(command: string, message: string, status: number): void {
  console.error(`${command}: ${message}`);
  process.exitCode = status;
}

/** parseArgs goes on to explain how to pass other arguments that begin with a dash. */
function firstSentence(text: string): string {
  return text.split(/\. |\n/)[0] ?? text;
}

function isParseArgsError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
