// SIGTERM while a peer starts: at many instants from its exec until shortly after its last child is up. Takes 6 minutes, most of it
// for peers that do not end.
import { setTimeout as pause } from 'node:timers/promises';
import { NO_FIGURE } from '../../report/format.ts';
import { median } from '../../report/statistics.ts';
import { forEachLimited } from '../concurrency.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { MAIN_PROCESS_NOTE } from '../peers.ts';
import type { Peer } from '../peers.ts';
import { now, PeerRun } from '../run.ts';

type Outcome = 'good' | 'hung' | 'orphaned';
type Recipients = 'main process' | 'every process';
type Counts = Record<Outcome | 'of', number>;
export type BootFigures = { bootMs: number; counts: Record<Recipients, Counts> };
type BootOfPeer = { peer: Peer; figures: BootFigures };
type Turn = BootOfPeer & { recipients: Recipients; index: number };

const INSTANTS = 50;
const INSTANTS_QUICK = 6;
const BOOTS = 5;
/** The last instant, as a multiple of the boot time. */
const BEYOND = 1.1;
const TIMEOUT_MS = 5000;
/** A process that outlives the main process for so long is an orphan. */
const GRACE_MS = 500;
const RUNS_AT_A_TIME = 6;

const RECIPIENTS = ['main process', 'every process'] as const;

export async function boot({ peers, say, isQuick }: FigureContext): Promise<FigureResult<BootFigures>> {
  const instants = isQuick ? INSTANTS_QUICK : INSTANTS;
  const boots: BootOfPeer[] = peers.map((peer) => ({ peer, figures: emptyFigures(instants) }));
  await forEachLimited(RUNS_AT_A_TIME, boots, async ({ peer, figures }) => {
    figures.bootMs = await medianBootMs(peer);
    say(`boot: ${peer.name} takes ${Math.round(figures.bootMs)} ms`);
  });
  await forEachLimited(RUNS_AT_A_TIME, turnsOf(boots, instants), async ({ peer, figures, recipients, index }) => {
    if (peer === peers[0] && recipients === 'main process') say(`boot: instant ${index + 1}`);
    const afterMs = (BEYOND * figures.bootMs * index) / (instants - 1);
    const outcome = await terminateAfter(peer, afterMs, recipients);
    figures.counts[recipients][outcome] += 1;
  });
  const headings = ['', 'boot', ...RECIPIENTS.map((recipients) => `TERM to ${recipients}: good`), 'what else'];
  return {
    title: 'TERM during the boot',
    rows: [headings, ...boots.map(({ peer, figures }) => [peer.name, ...cellsOf(figures)])],
    notes: NOTES,
    data: Object.fromEntries(boots.map(({ peer, figures }) => [peer.name, figures])),
  };
}

function emptyFigures(of: number): BootFigures {
  const counts = () => ({ good: 0, hung: 0, orphaned: 0, of });
  return { bootMs: NaN, counts: { 'main process': counts(), 'every process': counts() } };
}

/** Instant by instant, the peers in turn, so that no peer is alone on the machine. */
function turnsOf(boots: readonly BootOfPeer[], instants: number): Turn[] {
  const once = boots.flatMap((bootOfPeer) => RECIPIENTS.map((recipients) => ({ ...bootOfPeer, recipients })));
  return Array.from({ length: instants }, (_, index) => once.map((turn) => ({ ...turn, index }))).flat();
}

async function medianBootMs(peer: Peer): Promise<number> {
  const timesMs = [];
  for (let round = 0; round < BOOTS; round += 1) {
    const run = new PeerRun(peer);
    const up = await run.untilEvents('up', 3);
    timesMs.push(Math.max(...up.map(({ atMs }) => atMs)) - run.startedMs);
    run.discard();
  }
  return median(timesMs);
}

async function terminateAfter(peer: Peer, afterMs: number, recipients: Recipients): Promise<Outcome> {
  const run = new PeerRun(peer);
  try {
    await pause(Math.max(0, run.startedMs + afterMs - now()));
    if (recipients === 'main process') run.terminateMain();
    else run.processes.signal('SIGTERM');
    if ((await run.endWithin(TIMEOUT_MS)) === null) return 'hung';
    for (const deadline = now() + GRACE_MS; run.processes.find().length > 0; await pause(20)) {
      if (now() > deadline) return 'orphaned';
    }
    return 'good';
  } finally {
    run.discard();
  }
}

function cellsOf({ bootMs, counts }: BootFigures): string[] {
  const good = RECIPIENTS.map((recipients) => `${counts[recipients].good} of ${counts[recipients].of}`);
  const others = RECIPIENTS.flatMap((recipients) => {
    const { hung, orphaned } = counts[recipients];
    return [
      ...(hung > 0 ? [`${recipients}: ${hung} not over in ${TIMEOUT_MS / 1000} s`] : []),
      ...(orphaned > 0 ? [`${recipients}: ${orphaned} left orphans`] : []),
    ];
  });
  return [`${Math.round(bootMs)} ms`, ...good, others.join('; ') || NO_FIGURE];
}

const NOTES = [
  `One TERM at ${INSTANTS} instants, spread evenly from the exec to ${Math.round(100 * (BEYOND - 1))} % after the last of three children is up (the median of ${BOOTS} boots). Each instant is tried once with TERM to the main process and once with TERM to every process. The peers take turns, ${RUNS_AT_A_TIME} runs at the same time.`,
  `good: the main process has exited within ${TIMEOUT_MS / 1000} s, and no other process is left half a second later. The children exit at once on TERM. A run that is not good may still end later: supervisord kills a child that ignored TERM after 10 s.`,
  MAIN_PROCESS_NOTE,
];
