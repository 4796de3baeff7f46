// Ports that nobody's outgoing connection takes while a dyno is down: below the range that Linux gives those.
import { createServer } from 'node:net';

const [FIRST, LAST] = [10_000, 32_000];
const given = new Set();

/** A port that is free, and was not given before. */
export async function quietPort() {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
