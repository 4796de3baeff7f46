// The supervisor as it is installed, with a port of its own.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from '../quietly.js';
import { Dyno } from '../memory/dyno.js';
import { freePort } from '../free-port.js';
import { isUp } from '../memory/instance.js';
import { on } from './cores.js';

const binary = join(root, 'bin/mstdn-supervise.js');
/** With the memory guard, as on a platform. */
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };
const END_WITHIN_MS = 10_000;

/** Starts a web dyno in `folder` with `env`, on `cores` where they are named; resolves when what is behind it answers. */
export async function startOurs({ folder, env, cores }) {
  const port = await freePort();
  const command = on(cores, [process.execPath, binary, 'web']);
  const dyno = new Dyno({ command }, { folder, env: { ...QUOTA, ...env, TMPDIR: folder, PORT: `${port}` } });
  await isUp({ port }, { sidekiq: false }).catch((error) => {
    throw new Error([error.message, ...dyno.lines].join('\n'));
  });
  return { name: 'mstdn-supervise', port, pid: dyno.child.pid, stop: () => stop(dyno) };
}

async function stop(dyno) {
  dyno.child.kill('SIGTERM');
  await Promise.race([dyno.ended, pause(END_WITHIN_MS, undefined, { ref: false })]);
  dyno.kill();
}
