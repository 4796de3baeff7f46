// The variables that a platform sets for a dyno of 512 MB. Every peer gets them.
import { createServer } from 'node:net';

/** Below the range of Linux's ephemeral ports: no outgoing connection takes the port while a dyno is down. */
const [FIRST_PORT, LAST_PORT] = [10_000, 32_000];
const usedPorts = new Set<number>();

export async function dynoEnv(): Promise<{ PORT: string; SUPERVISE_MEMORY_QUOTA: string }> {
  return { PORT: String(await stablePort()), SUPERVISE_MEMORY_QUOTA: '512M' };
}

/** A port that is free now, and was not returned before. */
export async function stablePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (usedPorts.has(port) || !(await isFree(port))) continue;
    usedPorts.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
