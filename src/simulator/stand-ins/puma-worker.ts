import { Ballast } from './ballast.ts';
import { takeCommands } from './control.ts';
import { knobs } from './knobs.ts';
import { openPool, poolSize } from './pool.ts';
import { createApp } from './puma-app.ts';
import { SHARES, SOCKET_FD } from './puma-cluster.ts';
import { say } from './say.ts';

/** One worker of a cluster: serves on the socket that the master has bound, drains on TERM, then exits 0. */
export async function work(index: number, threads: number): Promise<void> {
  process.title = `puma: cluster worker ${index}: ${process.ppid} [stand-in]`;
  const server = createApp();
  const close = (): void => void server.close(() => process.connected && process.disconnect());
  process.on('disconnect', () => {
    if (!server.listening) return;
    say('! Detected parent died, dying');
    process.exitCode = 1;
    close();
    server.closeAllConnections();
  });
  await new Ballast().take(knobs.pumaBytes * SHARES.worker, 0);
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  process.on('SIGTERM', () => server.listening && close());
  server.listen({ fd: SOCKET_FD }, () => {
    takeCommands();
    openPool(poolSize(threads));
    process.send?.('booted');
  });
}
