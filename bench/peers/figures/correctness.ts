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
  'Three children each. Every case below is run once, several at the same time. All settings are the defaults, with one exception: our sidekiq does not wait for puma (SUPERVISE_START_TIMEOUT=0), because no peer does that. "yes": every case was good; otherwise the cell says what happened in which case.',
  'TERM goes to the main process only, as Docker, Scalingo, Render and Fly send it, except in the column broadcast. The shell line is made for Heroku, where TERM reaches every process; it does not handle a TERM sent to the shell alone.',
  MAIN_PROCESS_NOTE,
  'exit codes: once all are up, one child exits with 3 (expected: 3), with 0 (expected: not 0) or by SIGKILL (expected: 137). In a fourth case its command is not found (expected: not 0). A main process that dies by a signal counts as 128 + its number. "restarts it": the peer is made to start the child again; not counted.',
  'no orphans: no process is left 0.2 s after the main process exited. The children need 0.3 s; one leaves a daemon, or has a helper in its own session, or exits with 3. In a further case the children run behind a start script (`sh`, which dies on TERM), need 1 s and must get it.',
  'drain: children that need 8 s after TERM are not killed before that, and the main process exits within 30 s if a child never does.',
  'second TERM: two and five TERMs to the main process, 0.25 s apart, while the children need 3 s.',
  'broadcast: TERM to all processes at once, with children that need 3 s, plain and behind a start script. Each child gets its 3 s, and the main process exits last.',
  'stops side by side: three children that need 2 s each have all received TERM before the first exits.',
  'stalled reader: nothing reads the output for 2 s while the children write as fast as they can; then TERM, with children that need 1 s. The main process exits within 30 s, and each child gets its second.',
  'supervisor killed: SIGKILL to the main process. No process is left 3 s later, and each child got the 0.3 s that it needs. Plain children only: a child behind a start script gets no signal in this case, with mstdn-supervise either (docs/termination.md, Limits).',
  'The children treat INT like TERM, as puma and sidekiq do, because pm2 sends INT.',
];
