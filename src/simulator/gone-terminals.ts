import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** As it ends, Node gives each terminal the mode back that it found, and aborts (SIGABRT, perhaps a core file) where that
 * fails: with one that was closed meanwhile. So we let go of those before. [seen of Node 20; 22 does not mind] */
export function letGoOfGoneTerminals(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.once('exit', () => {
    for (const fd of terminals.filter((one) => !isatty(one))) closeSync(fd);
  });
}
