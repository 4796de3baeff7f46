import { Ballast } from './ballast.ts';
import { takeCommands } from './control.ts';
import { createApp } from './puma-app.ts';
import { dieBy } from './die-by.ts';
import { knobs } from './knobs.ts';
import { listen } from './listen.ts';
import { openPool, poolSize } from './pool.ts';
import { goodbye, header } from './puma-words.ts';
import { say } from './say.ts';
import { unlinkStaleSocket } from './stale-socket.ts';

/** One process that does it all. */
export async function single(threads: number): Promise<void> {
  const server = createApp();
  header('single', threads);
  // A signal that comes before this line ends it at once, as it ends a ruby that still loads the app.
  await new Ballast().take(knobs.pumaBytes, knobs.bootMs);
  if (process.env.SOCKET) await unlinkStaleSocket(process.env.SOCKET);
  /** Only the first of several calls decides how it ends: a second TERM is harmless. */
  const drain = (ended: () => void): void => {
    say('- Gracefully stopping, waiting for requests to finish');
    if (server.listening) server.close(ended);
  };
  listen(server, 3000, (address) => {
    process.title = `puma 8.0.0 (${address}) [stand-in]`;
    const noCommands = takeCommands();
    openPool(poolSize(threads));
    process.on('SIGTERM', () => drain(() => (noCommands(), dieBy('SIGTERM'))));
    for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => drain(goodbye));
    process.on('SIGUSR1', () => {
      say('* phased-restart called but not available, restarting normally.');
      restart(address, threads);
    });
    process.on('SIGUSR2', () => restart(address, threads));
    say(`* Listening on ${address}\nUse Ctrl-C to stop`);
  });
}

/** The real one executes itself anew with the same pid and the same listening socket. */
function restart(address: string, threads: number): void {
  say('* Restarting...');
  header('single', threads);
  say(`* Inherited ${address}\nUse Ctrl-C to stop`);
}
