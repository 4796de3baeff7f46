import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { tempFolder } from '../harness/dyno.ts';

/** A unix socket file whose listener was killed. */
export function staleSocket(): string {
  const path = join(tempFolder(), 'stale.sock');
  const listenAndDie =
    "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  try {
    execFileSync(process.execPath, ['-e', listenAndDie, path]);
  } catch {
    // killed, as it should be
  }
  return path;
}
