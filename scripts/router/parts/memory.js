// What the router takes: at rest, after a load, and with WebSockets on which nothing is said. Beside it nginx.
import { readFileSync } from 'node:fs';
import { CannotRun } from '../../quietly.js';
import { atLeast, atMost } from '../goals.js';
import { startDynos, startProxies } from '../memory-dynos.js';
import { count, kb, mb } from '../units.js';
import { crowd, loadInTurn, middleOf } from '../weighing.js';

const CROWDS = [1000, 5000];
const TOO_MUCH = 4 * 2 ** 20;
const TOO_MUCH_EACH = 10 * 1024;

export async function memory(say) {
  requireOpenFiles(2 * CROWDS.at(-1) + 500);
  const dynos = await startDynos();
  const nginx = await startProxies(dynos);
  const [without, routed, ...empty] = await Promise.all([
    middleOf(dynos.without),
    middleOf(dynos.routed),
    middleOf([dynos.crowded]),
    middleOf([nginx.crowded]),
  ]);
  say(`at rest ${mb(without)} without router, ${mb(routed)} with it`);
  const [loads, ours, theirs] = await Promise.all([
    loadInTurn([dynos.routed[0], nginx.loaded]),
    crowd(dynos.crowded, empty[0], CROWDS),
    crowd(nginx.crowded, empty[1], CROWDS),
  ]);
  for (const { stop } of [...Object.values(nginx), ...Object.values(dynos).flat()]) await stop();
  return resultOf({ without, routed, loads, ours, theirs });
}

/** Each proxy has two connections for a visitor, and the streaming server that both share as many. */
function requireOpenFiles(needed) {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (hard < needed) throw new CannotRun(`memory needs ${needed} open files, and \`ulimit -Hn\` is ${hard}`);
}

function resultOf({ without, routed, loads, ours, theirs }) {
  const row = (name, figure) => [name, figure(ours), figure(theirs)];
  const after = `after ${count(loads[0].requests)} requests (nginx: ${count(loads[1].requests)})`;
  return {
    title: 'Private memory of the supervisor, or of nginx in its place, settled',
    rows: [
      ['', 'mstdn-supervise', 'nginx'],
      ['without router', mb(without), ''],
      ['router, at rest', mb(routed), mb(theirs.bytes[0])],
      [after, ...loads.map(({ bytes }) => mb(bytes))],
      row('puma and streaming, at rest', ({ bytes }) => mb(bytes[0])),
      ...CROWDS.map((size, index) => row(`${count(size)} idle WebSockets`, ({ bytes }) => mb(bytes[index + 1]))),
      row('when they have left', ({ left }) => mb(left)),
      row('for each WebSocket', ({ each }) => kb(each)),
    ],
    goals: [
      atMost('the router at rest', routed - without, TOO_MUCH, mb),
      atMost('the router after a load', loads[0].bytes - without, TOO_MUCH, mb),
      atMost('for each idle WebSocket', ours.each, TOO_MUCH_EACH, kb),
      atLeast('WebSockets that stayed', ours.stayed, CROWDS.at(-1), count),
    ],
    found: { without, routed, loads, ours, theirs },
  };
}
