// Jobs lost and requests failed while a platform restarts a dyno with real puma and sidekiq at work. Takes 20 to 25 minutes.
import { REAL_PARTS } from '../../report/machine.ts';
import { forEachOnWorkers, Semaphore } from '../concurrency.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { jobsLostChart } from '../images.ts';
import type { Peer } from '../peers.ts';
import { restartsTable, summarizeRestarts } from '../restarts/summary.ts';
import type { Restarts } from '../restarts/summary.ts';
import { makeWorker, restartRepeatedly } from '../restarts/worker.ts';
import type { RestartsOutcome } from '../restarts/worker.ts';
import { now } from '../run.ts';
import type { Recipients } from '../stop-outcome.ts';

type Variant = { name: string; peer: Peer; env: NodeJS.ProcessEnv };
type Turn = Variant & { recipients: Recipients; seed: number };
type TurnOutcome = { turn: Turn; outcome: RestartsOutcome };

/** In each round every variant is restarted this often; then it is the next one's turn. */
const RESTARTS = 5;
const ROUNDS = 20;
const TIME_LIMIT_MS = 24 * 60_000;
/** Dynos at the same time: they mostly wait for jobs to end. */
const WORKERS = 32;
/** Boots at the same time: more would slow each other down. */
const BOOTS = 2;
const PROGRESS_EVERY_MS = 30_000;

export async function restarts({ peers, say, isQuick }: FigureContext): Promise<FigureResult<Restarts>> {
  const rounds = isQuick ? 1 : ROUNDS;
  const variants = peers.flatMap(variantsOf);
  const outcomes = await takeTurns(turnsOf(variants, rounds), say);
  const figuresOf = (name: string, recipients: Recipients) =>
    summarizeRestarts(
      outcomes.flatMap(({ turn, outcome }) => (turn.name === name && turn.recipients === recipients ? [outcome] : [])),
    );
  const data = Object.fromEntries(
    variants.map(({ name }) => [name, { all: figuresOf(name, 'all'), main: figuresOf(name, 'main') }]),
  );
  return {
    ...restartsTable(data, rounds * RESTARTS),
    data,
    images: { 'jobs-lost.svg': jobsLostChart(data) },
    packages: REAL_PARTS,
  };
}

function variantsOf(peer: Peer): Variant[] {
  const { name } = peer;
  const plain = { name, peer, env: {} };
  if (name !== 'mstdn-supervise') return [plain];
  return [plain, { name: `${name}, router`, peer, env: { SUPERVISE_ROUTER: 'true' } }];
}

/** Round by round, so that changes of the machine affect all variants. The seed is the same for all in a round. */
function turnsOf(variants: readonly Variant[], rounds: number): Turn[] {
  const recipients = ['all', 'main'] as const;
  return Array.from({ length: rounds }, (_, round) =>
    variants.flatMap((variant) => recipients.map((each) => ({ ...variant, recipients: each, seed: round + 1 }))),
  ).flat();
}

async function takeTurns(turns: readonly Turn[], say: (text: string) => void): Promise<TurnOutcome[]> {
  const shared = { restarts: RESTARTS, bootPermits: new Semaphore(BOOTS), endMs: now() + TIME_LIMIT_MS };
  const workers = await Promise.all(Array.from({ length: Math.min(WORKERS, turns.length) }, makeWorker));
  const outcomes: RestartsOutcome[] = [];
  let restarted = 0;
  const progress = setInterval(() => say(`${restarted} of ${turns.length * RESTARTS} restarts`), PROGRESS_EVERY_MS);
  try {
    await forEachOnWorkers(workers, [...turns.entries()], async (worker, [index, turn]) => {
      const onRestart = ({ output }: { output?: string }) => {
        restarted += 1;
        if (output !== undefined) say(`${turn.name}: ended before SIGTERM or did not come up:\n${output}`);
      };
      outcomes[index] = await restartRepeatedly(worker, { ...turn, ...shared, onRestart });
    });
  } finally {
    clearInterval(progress);
  }
  return turns.flatMap((turn, index) => {
    const outcome = outcomes[index];
    return outcome === undefined ? [] : [{ turn, outcome }];
  });
}
