// Ends the processes, connections and folders of a run, whether it completes, fails, or gets SIGINT, SIGTERM or SIGHUP.
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const cleanups = new Set<() => void>();

/**
 * Registers a function that `cleanUp` calls, at the latest when this process exits. It must be synchronous and may be called
 * twice. The returned function cancels it.
 */
export function onCleanup(cleanup: () => void): () => void {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** Calls all registered functions, the latest first. */
export function cleanUp(): void {
  for (const cleanup of [...cleanups].reverse()) cleanup();
  cleanups.clear();
}

/** A folder that is removed with the run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mst-bench-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

process.once('exit', cleanUp);
// A handler for every signal, not only the first: npm forwards the SIGINT that the terminal has sent to this process as well,
// and the second one must not interrupt the cleanup.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => process.exit(128 + constants.signals[name]));
}
