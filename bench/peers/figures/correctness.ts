// What each peer does right: one column for each duty of a dyno's supervisor. Takes 6 minutes, most of it sleep.
import { forEachLimited } from '../concurrency.ts';
import {
  broadcast,
  drain,
  exitCodes,
  orphans,
  secondTerm,
  sideBySide,
  stalledReader,
  supervisorKilled,
} from '../correctness/checks.ts';
import type { Check } from '../correctness/checks.ts';
import type { Verdict } from '../correctness/verdicts.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { MAIN_PROCESS_NOTE } from '../peers.ts';

/** `columns`: a verdict by column. What a peer is not made for is not counted. */
export type CorrectnessFigures = { columns: Record<string, Verdict>; good: number; of: number };

/** Each peer has up to five runs. More at a time would slow down each other's boot. */
const PEERS_AT_A_TIME = 4;

const COLUMNS: Record<string, Check> = {
  'exit codes': exitCodes,
  'no orphans': orphans,
  drain,
  'second TERM': secondTerm,
  broadcast,
  'stops side by side': sideBySide,
  'stalled reader': stalledReader,
  'supervisor killed': supervisorKilled,
};

export async function correctness({
  peers,
  say,
}: Omit<FigureContext, 'isQuick'>): Promise<FigureResult<CorrectnessFigures>> {
  const verdicts = new Map<string, Record<string, Verdict>>(peers.map(({ name }) => [name, {}]));
  const turns = Object.entries(COLUMNS).flatMap(([column, check]) => peers.map((peer) => ({ column, check, peer })));
  await forEachLimited(PEERS_AT_A_TIME, turns, async ({ column, check, peer }) => {
    if (peer === peers[0]) say(`correctness: ${column}`);
    const verdict = await check(peer);
    Object.assign(verdicts.get(peer.name) ?? {}, { [column]: verdict });
  });
  const data = Object.fromEntries([...verdicts].map(([name, columns]) => [name, { columns, ...countGood(columns) }]));
  const names = Object.keys(COLUMNS);
  return {
    title: 'Correctness',
    rows: [
      ['', ...names, 'good'],
      ...Object.entries(data).map(([peer, { columns, good, of }]) => [
        peer,
        ...names.map((name) => columns[name]?.what ?? ''),
        `${good} of ${of}`,
      ]),
    ],
    notes: NOTES,
    data,
  };
}

function countGood(columns: Record<string, Verdict>): { good: number; of: number } {
  const judged = Object.values(columns).filter(({ good }) => good !== null);
  return { good: judged.filter(({ good }) => good).length, of: judged.length };
}

const NOTES = [
  'Three children each, every one of the cases below, each played once, several at the same time. Settings are the defaults, but that ours does not let sidekiq wait for puma (SUPERVISE_START_TIMEOUT=0), as no other does. "yes": all of them were good; else what was seen, in which.',
  'TERM goes to the main process only, as Docker, Scalingo, Render and Fly send it, but in the column broadcast. The shell line is made for Heroku, where TERM reaches every process: alone it hears none.',
  MAIN_PROCESS_NOTE,
  'exit codes: one child exits with 3 (told as 3), with 0 (not 0), by SIGKILL (137), or its command is not found (not 0); the child ends once all are up. A main process that a signal ends has 128 + its number. "restarts it": made to start it again; not counted.',
  'no orphans: nothing is left 0.2 s after the end of the main process; children that need 0.3 s, one that leaves a daemon, one with a helper in a session of its own, children behind a start script (`sh`, which dies of TERM by itself) that need 1 s and must get it, and a child that exits with 3 once all are up.',
  'drain: children that need 8 s after TERM are not killed before, and the end comes within 30 s when one never ends.',
  'second TERM: two and five TERMs, 0.25 s apart, to the main process, while children need 3 s.',
  'broadcast: TERM to all processes at once, children that need 3 s, plain and behind a start script: each has its 3 s, and the main process outlives them.',
  'stops side by side: of three children that need 2 s each, all have heard TERM before the first ends.',
  'stalled reader: nothing reads the output for 2 s while the children write all they can; then TERM, children that need 1 s: the end comes within 30 s, and each had its second.',
  'supervisor killed: SIGKILL to the main process; 3 s later nothing is left, and each child had the 0.3 s that it needs. Plain children only: what runs behind a start script gets no signal then, with mstdn-supervise neither (docs/termination.md, Limits).',
  'The children take INT for TERM, as puma and sidekiq do: pm2 sends INT.',
];
