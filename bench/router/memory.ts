// Memory of the router and of nginx in its place: at rest, after load, and with idle WebSockets.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotRun } from '../../scripts/quietly.js';
import { temporaryFolder } from '../cleanup.ts';
import { kilobytes, megabytes, MIB, wholeNumber } from '../report/format.ts';
import { medianSettled, memoryAfterLoad, memoryWithClients } from './measure-memory.ts';
import type { CrowdMemory, LoadedMemory } from './measure-memory.ts';
import { startNginx, startSupervisor } from './proxies.ts';
import type { Proxy } from './proxies.ts';
import { atLeast, atMost } from './report.ts';
import type { PartResult } from './report.ts';

type DynoInFolder = Proxy & { folder: string };
type Dynos = { withoutRouter: DynoInFolder[]; routed: [DynoInFolder, ...DynoInFolder[]]; crowded: DynoInFolder };
type Found = {
  withoutRouter: number;
  routed: number;
  loads: { supervisor: LoadedMemory; nginx: LoadedMemory };
  supervisor: CrowdMemory;
  nginx: CrowdMemory;
};

const CLIENTS = [1000, 5000];
const MOST_CLIENTS = Math.max(...CLIENTS);
const MAX_BYTES = 4 * MIB;
const MAX_BYTES_EACH = 10 * 1024;

const PUMA = { PUMA_COMMAND: `sh '${backend('fixed.sh')}'` };
const ROUTER = { ...PUMA, SUPERVISE_ROUTER: 'true', MAX_THREADS: '16' };
const STREAMING = {
  ...PUMA,
  RUN_STREAMING: 'inline',
  STREAMING_COMMAND: `'${process.execPath}' '${backend('idle-streaming.js')}'`,
};

export async function memory(say: (text: string) => void): Promise<PartResult> {
  requireOpenFiles(2 * MOST_CLIENTS + 500);
  const dynos = await startDynos();
  const nginx = await startProxies(dynos);
  const [withoutRouter, routed, supervisorEmpty, nginxEmpty] = await Promise.all([
    medianSettled(dynos.withoutRouter),
    medianSettled(dynos.routed),
    medianSettled([dynos.crowded]),
    medianSettled([nginx.crowded]),
  ]);
  say(`at rest ${tenths(withoutRouter)} without router, ${tenths(routed)} with it`);
  const [[supervisorLoad, nginxLoad], supervisorCrowd, nginxCrowd] = await Promise.all([
    memoryAfterLoad([dynos.routed[0], nginx.loaded]),
    memoryWithClients(dynos.crowded, supervisorEmpty, CLIENTS),
    memoryWithClients(nginx.crowded, nginxEmpty, CLIENTS),
  ]);
  const started = [nginx.loaded, nginx.crowded, ...dynos.withoutRouter, ...dynos.routed, dynos.crowded];
  for (const { stop } of started) await stop();
  const loads = { supervisor: supervisorLoad, nginx: nginxLoad };
  return resultOf({ withoutRouter, routed, loads, supervisor: supervisorCrowd, nginx: nginxCrowd });
}

/** Each proxy has two connections for a client, and the streaming server that both share has as many. */
function requireOpenFiles(needed: number): void {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (hard !== undefined && Number(hard) < needed) {
    throw new CannotRun(`memory needs ${needed} open files, and \`ulimit -Hn\` is ${hard}`);
  }
}

/**
 * Three without a router and three with one, since they differ a little, and one with streaming. All run at the same time: the
 * private memory of one does not depend on the others.
 */
async function startDynos(): Promise<Dynos> {
  const start = async (env: NodeJS.ProcessEnv) => {
    const folder = temporaryFolder();
    return { folder, ...(await startSupervisor({ folder, env: { ...env, BENCH_FOLDER: folder } })) };
  };
  const [withoutRouter, routed] = await Promise.all([
    Promise.all([start(PUMA), start(PUMA), start(PUMA)]),
    Promise.all([start(ROUTER), start(ROUTER), start(ROUTER)]),
  ]);
  return { withoutRouter, routed, crowded: await start(STREAMING) };
}

/** nginx in front of the same backends, once for each of two measurements. */
async function startProxies({ crowded: { folder } }: Dynos): Promise<{ loaded: Proxy; crowded: Proxy }> {
  const socketIn = (name: string) => readFileSync(join(folder, name), 'utf8').trim();
  const puma = socketIn('socket');
  const loaded = await startNginx({ puma });
  return { loaded, crowded: await startNginx({ puma, streaming: socketIn('streaming-socket') }) };
}

function resultOf(found: Found): PartResult {
  const { withoutRouter, routed, loads, supervisor, nginx } = found;
  const row = (name: string, figure: (crowd: CrowdMemory) => string) => [name, figure(supervisor), figure(nginx)];
  const atSize = (index: number) => (crowd: CrowdMemory) => tenths(crowd.bytes[index] ?? NaN);
  const requests = `${wholeNumber(loads.supervisor.requests)} requests (nginx: ${wholeNumber(loads.nginx.requests)})`;
  const size = (value: number) => ({ value, show: tenths });
  return {
    title: 'Private memory of the supervisor, or of nginx in its place, settled',
    rows: [
      ['', 'mstdn-supervise', 'nginx'],
      ['without router', tenths(withoutRouter), ''],
      ['router, at rest', tenths(routed), tenths(nginx.bytes[0] ?? NaN)],
      [`after ${requests}`, tenths(loads.supervisor.bytes), tenths(loads.nginx.bytes)],
      row('puma and streaming, at rest', atSize(0)),
      ...CLIENTS.map((count, index) => row(`${wholeNumber(count)} idle WebSockets`, atSize(index + 1))),
      row('when they have left', ({ left }) => tenths(left)),
      row('for each WebSocket', ({ each }) => kilobytes(each, 1)),
    ],
    goals: [
      atMost(MAX_BYTES, 'the router at rest', size(routed - withoutRouter)),
      atMost(MAX_BYTES, 'the router after a load', size(loads.supervisor.bytes - withoutRouter)),
      atMost(MAX_BYTES_EACH, 'for each idle WebSocket', {
        value: supervisor.each,
        show: (bytes) => kilobytes(bytes, 1),
      }),
      atLeast(MOST_CLIENTS, 'WebSockets that stayed', { value: supervisor.stayed, show: wholeNumber }),
    ],
    found,
  };
}

function tenths(bytes: number): string {
  return megabytes(bytes, 1);
}

function backend(name: string): string {
  return fileURLToPath(new URL(`backends/${name}`, import.meta.url));
}
