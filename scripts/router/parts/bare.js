// A backend that costs nothing, so that the proxies are what is measured: each on the same one core.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun, root } from '../../quietly.js';
import { temporaryFolder } from '../../memory/ending.js';
import { freePort } from '../../free-port.js';
import { coresOfThisMachine } from '../cores.js';
import { atLeast, atMost } from '../goals.js';
import { startNginx } from '../nginx.js';
import { startOurs } from '../ours.js';
import { inRounds } from '../rounds.js';
import { count, exactRatio, ms, ratio, us } from '../units.js';

const LOAD = { path: '/', connections: 32, rounds: 7, seconds: 1 };
const HEADS = [
  { name: 'headers as from the edge', plain: false },
  { name: 'one header', plain: true },
];

export async function bare(say) {
  const [proxyCore, backendCore, loadCore = backendCore] = coresOfThisMachine();
  if (backendCore === undefined) throw new CannotRun('bare needs two cores');
  const targets = await start(proxyCore, backendCore);
  const found = [];
  for (const { name, plain } of HEADS) {
    found.push(await inRounds(targets, { ...LOAD, plain, cores: loadCore }));
    say(`${name}: is measured`);
  }
  for (const { stop } of targets.slice(0, 3)) await stop();
  const errors = found.flat().reduce((sum, target) => sum + target.errors, 0);
  return {
    title: `A bare backend that gives 2 KB, the proxies on one core, ${LOAD.connections} connections`,
    rows: [
      ['', 'requests/s', 'of nginx', 'p50', 'p99', 'its CPU a request', 'of nginx', 'errors'],
      ...HEADS.flatMap(({ name }, index) => found[index].map((target) => rowOf(name, target))),
    ],
    goals: [
      ...HEADS.map(({ name }, index) => {
        const { ofFirst, quartiles } = found[index][1];
        return atLeast(`${name}, of nginx`, ofFirst, 0.5, exactRatio, quartiles.ofFirst);
      }),
      atMost('errors', errors, 0, count),
    ],
    found,
  };
}

/** We keep as many connections as puma has threads, and beyond that each request gets its own: so once with as many threads
 * as there are connections, as nginx keeps them too, and once with as many as puma has by default. */
async function start(proxyCore, backendCore) {
  const ports = [await freePort(), await freePort()];
  const [ours, few] = await Promise.all(
    [LOAD.connections, 5].map((threads, index) => startRouted(threads, ports[index], proxyCore, backendCore)),
  );
  const nginx = await startNginx({ puma: ours.puma, cores: proxyCore });
  return [nginx, ours, { ...few, name: `${few.name}, MAX_THREADS=5` }, { name: 'no proxy', port: ports[0] }];
}

async function startRouted(threads, port, proxyCore, backendCore) {
  const folder = temporaryFolder();
  const env = {
    SUPERVISE_ROUTER: 'true',
    MAX_THREADS: `${threads}`,
    PUMA_COMMAND: `sh '${join(root, 'scripts/router/backends/fixed.sh')}'`,
    BENCH_FOLDER: folder,
    BENCH_PORT: `${port}`,
    BENCH_CORE: `${backendCore}`,
  };
  const ours = await startOurs({ folder, env, cores: proxyCore });
  return { ...ours, puma: readFileSync(join(folder, 'socket'), 'utf8').trim() };
}

function rowOf(heads, { name, rps, ofFirst, p50Ms, p99Ms, cpuUs, cpuOfFirst, errors }) {
  return [
    `${heads}, ${name}`,
    count(rps),
    ratio(ofFirst),
    ms(p50Ms),
    ms(p99Ms),
    us(cpuUs),
    Number.isNaN(cpuOfFirst) ? '' : ratio(cpuOfFirst),
    errors,
  ];
}
