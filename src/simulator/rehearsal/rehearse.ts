import { constants } from 'node:os';
import { EXIT } from '../../exit-status.ts';
import { isTerminal } from '../../output/writer.ts';
import type { DevOptions } from '../options.ts';
import { print } from '../print.ts';
import { startSimulation, type Running, type Surroundings } from '../simulate.ts';
import { onStage, type Wishes } from './on-stage.ts';
import { lastOf, play } from './play.ts';
import { inWords, reportOf, type PlayedScene } from './report.ts';
import { SCENES } from './scene-names.ts';
import { Interrupted } from './stage.ts';
import { Witness } from './witness.ts';

/** The stand-ins' sidekiq always has a job in hand then: whoever ends it badly loses some. */
const BUSY = { STAND_IN_JOB_MS: '4000', STAND_IN_JOB_EVERY_MS: '500' };

/** Plays the scenes on a simulation of its own and prints what came of them: progress on stderr, the verdicts on stdout.
 * Gives the exit code: 0, 1 where something is bad, 128 + n after a signal, 137 after a second one.
 * @throws ConfigError; nothing was started then */
export async function rehearse(options: DevOptions, surroundings: Surroundings): Promise<number> {
  const { first, second } = surroundings.interruption;
  const env = { ...BUSY, ...surroundings.env };
  const running = await startSimulation(options, { ...surroundings, env });
  const wasKilled = killedBy(second, running);
  const ended = codeOf(running, options, { env, path: options.path, interrupted: first });
  const code = await ended.finally(() => Promise.race([running.stop(), wasKilled]));
  return second.aborted ? EXIT.killed : code;
}

async function codeOf(running: Running, options: DevOptions, wishes: Wishes): Promise<number> {
  try {
    return await printed(running, await playAll(running, options, wishes), options.json);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    await say('interrupted; stopping all dynos');
    return 128 + constants.signals[wishes.interrupted.reason as NodeJS.Signals];
  }
}

async function playAll(running: Running, { scenes }: DevOptions, wishes: Wishes): Promise<readonly PlayedScene[]> {
  const names = SCENES.filter((name) => scenes?.includes(name) ?? true);
  const witness = new Witness(running);
  const stage = onStage(running, wishes);
  await say('release ...');
  const how = await Promise.race([running.released, untilInterrupted(wishes.interrupted)]);
  witness.close();
  if (how === 'succeeded') return play(stage, names, (scene) => void say(`${scene} ...`));
  const figures = { scene: names[0] ?? 'boot', stuck: 'the first release failed, so nothing was started' };
  return [{ figures, tookMs: 0, log: lastOf(witness.lines) }];
}

async function printed(running: Running, played: readonly PlayedScene[], json: boolean): Promise<number> {
  const report = reportOf(running.view(), played);
  const isColoured = isTerminal(1) && !process.env.NO_COLOR;
  await print(1, json ? `${JSON.stringify(report, null, 2)}\n` : inWords(report, isColoured));
  return report.verdict === 'good' ? EXIT.ok : EXIT.unasked;
}

function untilInterrupted(interrupted: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new Interrupted('interrupted'));
    if (interrupted.aborted) end();
    else interrupted.addEventListener('abort', end, { once: true });
  });
}

/** A second signal: nothing is waited for. */
function killedBy(second: AbortSignal, running: Running): Promise<void> {
  return new Promise((resolve) => {
    second.addEventListener('abort', () => void running.kill().then(resolve), { once: true });
  });
}

function say(text: string): Promise<void> {
  return print(2, `rehearsal: ${text}\n`);
}
