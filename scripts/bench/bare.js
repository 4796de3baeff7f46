// What the figures of ours are beside, for what Node itself costs: no supervisor.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { now } from './run.js';

const script = fileURLToPath(new URL('bare-node.cjs', import.meta.url));

/** As a peer: starts the children, and does nothing else. */
export const BARE = {
  name: 'bare node',
  kind: 'no supervisor',
  line: ({ first, other, count }) => ({ command: [process.execPath, script, first, ...Array(count - 1).fill(other)] }),
};

/** Milliseconds from exec to the end of `node -e 0`. */
export async function emptyNode() {
  const from = now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return now() - from;
}
