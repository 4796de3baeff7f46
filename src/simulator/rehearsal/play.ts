import type { LogLine } from '../view.ts';
import type { Figures } from './figures.ts';
import { current, isReady, type Cast } from './known-state.ts';
import type { PlayedScene } from './report.ts';
import type { SceneName } from './scene-names.ts';
import { boot, castOf } from './scenes/boot.ts';
import { crash } from './scenes/crash.ts';
import { deploy } from './scenes/deploy.ts';
import { flood } from './scenes/flood.ts';
import { load } from './scenes/load.ts';
import { release } from './scenes/release.ts';
import { stop } from './scenes/stop.ts';
import { SceneStuck, type Stage } from './stage.ts';
import { Witness } from './witness.ts';

type Scene = (stage: Stage, cast: Cast) => Promise<Figures>;

const SCRIPT: Readonly<Record<Exclude<SceneName, 'boot'>, Scene>> = { load, deploy, crash, flood, stop, release };

/** The end of the log of a scene. */
const LINES_MOST = 40;

const WENT_WELL = /^at=info .* status=[1-4]/;

/** Plays these scenes one after the other. The boot is always watched, since the others need to know who works at rest, and
 * told of only when it is asked for. `begun` hears of each scene.
 * @throws Interrupted */
export async function play(
  stage: Stage,
  names: readonly SceneName[],
  begun: (scene: SceneName) => void,
): Promise<PlayedScene[]> {
  begun('boot');
  const first = await playOne(stage, 'boot', () => boot(stage));
  const played = names.includes('boot') ? [first] : [];
  const cast = castOf(stage.simulation.view());
  const late = stage.simulation.view().dynos.filter((dyno) => {
    const run = current(dyno);
    return run === undefined || !isReady(run);
  });
  for (const name of names) {
    if (name === 'boot') continue;
    begun(name);
    const scene: Scene =
      late.length === 0 ? SCRIPT[name] : () => refuse(`${late.map((dyno) => dyno.name).join(', ')} did not boot`);
    played.push(await playOne(stage, name, () => scene(stage, cast)));
  }
  return played;
}

/** A scene that cannot go on is one with that to tell. */
async function playOne(stage: Stage, scene: SceneName, run: () => Promise<Figures>): Promise<PlayedScene> {
  const witness = new Witness(stage.simulation);
  const since = stage.clock.now();
  const figures = await run()
    .catch((error: unknown): Figures => {
      if (error instanceof SceneStuck) return { scene, stuck: error.message };
      throw error;
    })
    .finally(() => witness.close());
  return { figures, tookMs: stage.clock.now() - since, log: lastOf(witness.lines) };
}

/** What went well at the router tells nothing, and there are hundreds of it. */
export function lastOf(lines: readonly LogLine[]): readonly LogLine[] {
  return lines.filter(({ from, text }) => from !== 'router' || !WENT_WELL.test(text)).slice(-LINES_MOST);
}

function refuse(why: string): Promise<never> {
  return Promise.reject(new SceneStuck(why));
}
