// What a run started ends with it, however it ends: at the end of a story, after a mistake, on Ctrl-C or TERM.
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const endings = new Set();

/** Calls `end`, which must be synchronous and may be called twice, at the end of this process at the latest. Gives a function
 * for those who have ended it before, so that it is not called any more. */
export function atEnd(end) {
  endings.add(end);
  return () => endings.delete(end);
}

/** Ends all that is there, the latest first. */
export function endAll() {
  for (const end of [...endings].reverse()) end();
  endings.clear();
}

/** A folder that goes with the run. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'memory-of-a-dyno-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

process.once('exit', endAll);
// Each time: npm passes a Ctrl-C on that the terminal has sent to us as well, and the second must not cut the ending short.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, () => process.exit(128 + constants.signals[name]));
}
