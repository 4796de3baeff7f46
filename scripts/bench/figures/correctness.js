// What each peer does right: one column for each thing that a supervisor of a dyno owes. Takes 6 minutes, most of it sleep.
import { exitCodes } from '../columns/exit-codes.js';
import { orphans } from '../columns/orphans.js';
import { broadcast, drain, secondTerm, sideBySide } from '../columns/stops.js';
import { stalledReader, supervisorKilled } from '../columns/trouble.js';
import { ASKED_OTHERWISE } from '../peers.js';
import { severalAtOnce } from '../several-at-once.js';

/** More at once would starve each other's boots: each is up to five runs. */
const AT_ONCE = 4;

const COLUMNS = {
  'exit codes': exitCodes,
  'no orphans': orphans,
  drain,
  'second TERM': secondTerm,
  broadcast,
  'stops side by side': sideBySide,
  'stalled reader': stalledReader,
  'supervisor killed': supervisorKilled,
};

export async function correctness({ peers, say }) {
  const verdicts = new Map(peers.map(({ name }) => [name, {}]));
  const turns = Object.entries(COLUMNS).flatMap(([column, judge]) => peers.map((peer) => ({ column, judge, peer })));
  await severalAtOnce(AT_ONCE, turns, async ({ column, judge, peer }) => {
    if (peer === peers[0]) say(`correctness: ${column}`);
    verdicts.get(peer.name)[column] = await judge(peer);
  });
  const names = Object.keys(COLUMNS);
  return {
    title: 'Correctness',
    rows: [['', ...names, 'good'], ...peers.map(({ name }) => row(name, names, verdicts.get(name)))],
    notes: NOTES,
    data: Object.fromEntries([...verdicts].map(([name, columns]) => [name, { columns, ...countOf(columns) }])),
  };
}

function row(name, names, columns) {
  const { good, of } = countOf(columns);
  return [name, ...names.map((column) => columns[column].what), `${good} of ${of}`];
}

/** What a peer is not made for is not counted. */
function countOf(columns) {
  const judged = Object.values(columns).filter(({ good }) => good !== null);
  return { good: judged.filter(({ good }) => good).length, of: judged.length };
}

const NOTES = [
  'Three children each, every one of the cases below, each played once, several at the same time. Settings are the defaults, but that ours does not let sidekiq wait for puma (SUPERVISE_START_TIMEOUT=0), as no other does. "yes": all of them were good; else what was seen, in which.',
  'TERM goes to the main process only, as Docker, Scalingo, Render and Fly send it, but in the column broadcast. The shell line is made for Heroku, where TERM reaches every process: alone it hears none.',
  ASKED_OTHERWISE,
  'exit codes: one child exits with 3 (told as 3), with 0 (not 0), by SIGKILL (137), or its command is not found (not 0); the child ends once all are up. A main process that a signal ends has 128 + its number. "restarts it": made to start it again; not counted.',
  'no orphans: nothing is left 0.2 s after the end of the main process; children that need 0.3 s, one that leaves a daemon, one with a helper in a session of its own, children behind a start script (`sh`, which dies of TERM by itself) that need 1 s and must get it, and a child that exits with 3 once all are up.',
  'drain: children that need 8 s after TERM are not killed before, and the end comes within 30 s when one never ends.',
  'second TERM: two and five TERMs, 0.25 s apart, to the main process, while children need 3 s.',
  'broadcast: TERM to all processes at once, children that need 3 s, plain and behind a start script: each has its 3 s, and the main process outlives them.',
  'stops side by side: of three children that need 2 s each, all have heard TERM before the first ends.',
  'stalled reader: nobody reads the output for 2 s while the children write all they can; then TERM, children that need 1 s: the end comes within 30 s, and each had its second.',
  'supervisor killed: SIGKILL to the main process; 3 s later nothing is left, and each child had the 0.3 s that it needs. Plain children only: what runs behind a start script hears nothing then, of ours neither (docs/termination.md, Limits).',
  'The children take INT for TERM, as puma and sidekiq do: pm2 sends INT.',
];
