import { existsSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** Removes a unix socket that nobody listens on, as puma does before it binds. One in use stays. */
export async function unlinkStaleSocket(path: string): Promise<void> {
  if (existsSync(path) && !(await answers(path))) unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
