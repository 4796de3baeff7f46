import { Ballast } from './ballast.ts';
import { takeCommands } from './control.ts';
import { dieBy } from './die-by.ts';
import { knobs } from './knobs.ts';
import { openPool, poolSize } from './pool.ts';
import { createApp } from './puma-app.ts';
import { SHARES, SOCKET_FD } from './puma-cluster.ts';
import { say } from './say.ts';

/** One worker of a cluster: serves on the socket that the master has bound, drains on TERM, then exits 0. */
export async function work(index: number, threads: number): Promise<void> {
  process.title = `puma: cluster worker ${index}: ${process.ppid} [stand-in]`;
  const server = createApp();
  let isDone = false;
  const finish = (): void => {
    isDone = true;
    process.disconnect();
  };
  process.on('disconnect', () => {
    if (isDone) return;
    say('! Detected parent died, dying');
    dieBy('SIGKILL'); // at once, whatever is in hand; nobody is left who asks how
  });
  await new Ballast().take(knobs.pumaBytes * SHARES.worker, 0);
  for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
  process.on('SIGTERM', () => server.listening && server.close(finish));
  server.listen({ fd: SOCKET_FD }, () => {
    takeCommands();
    openPool(poolSize(threads));
    process.send?.('booted');
  });
}
