// The dynos that are weighed, all at the same time: the weight of one does not depend on what else runs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../quietly.js';
import { temporaryFolder } from '../memory/ending.js';
import { startNginx } from './nginx.js';
import { startOurs } from './ours.js';

const backend = (name) => join(root, 'scripts/router/backends', name);
const PUMA = { PUMA_COMMAND: `sh '${backend('fixed.sh')}'` };
const ROUTER = { ...PUMA, SUPERVISE_ROUTER: 'true', MAX_THREADS: '16' };
const STREAMING = {
  ...PUMA,
  RUN_STREAMING: 'inline',
  STREAMING_COMMAND: `'${process.execPath}' '${backend('idle-streaming.js')}'`,
};

/** Three without a router and three with one, since they differ a little, and one with streaming behind it. */
export async function startDynos() {
  const [without, routed] = await Promise.all(
    [PUMA, ROUTER].map((env) => Promise.all([1, 2, 3].map(() => start(env)))),
  );
  return { without, routed, crowded: await start(STREAMING) };
}

/** nginx before the same backends, once for each of two measurements. */
export async function startProxies({ crowded: { folder } }) {
  const puma = socketIn(folder, 'socket');
  const loaded = await startNginx({ puma });
  return { loaded, crowded: await startNginx({ puma, streaming: socketIn(folder, 'streaming-socket') }) };
}

async function start(env) {
  const folder = temporaryFolder();
  return { folder, ...(await startOurs({ folder, env: { ...env, BENCH_FOLDER: folder } })) };
}

function socketIn(folder, name) {
  return readFileSync(join(folder, name), 'utf8').trim();
}
