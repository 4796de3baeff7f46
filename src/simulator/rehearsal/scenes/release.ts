import type { LeftOut, ReleaseFigures } from '../figures.ts';
import { toKnownState, type Cast } from '../known-state.ts';
import { SLACK_MS, until, untilOver, type Stage } from '../stage.ts';

const RELEASE_BOOTS = 5;
/** What boots all the same would do so at once. */
const WATCH_MS = 1000;

/** A release that fails: nothing boots, what runs goes on. */
export async function release(stage: Stage, cast: Cast): Promise<ReleaseFigures | LeftOut> {
  const { simulation, rules } = stage;
  await toKnownState(stage, cast);
  if (!stage.failReleases(true))
    return { scene: 'release', leftOut: 'only the stand-ins can be told to fail: --stand-ins' };
  const before = lives(stage);
  try {
    const answers: string[] = [];
    void simulation.act({ do: 'deploy' }).then(({ text }) => answers.push(text));
    await until(stage, 'the release', RELEASE_BOOTS * rules.bootMs + SLACK_MS, () => answers[0] ?? null);
    const booted = new Set<string>();
    const ended = new Set<string>();
    await untilOver(stage, WATCH_MS, () => {
      const now = lives(stage);
      for (const life of now) if (!before.has(life)) booted.add(life);
      for (const life of before) if (!now.has(life)) ended.add(life);
      return null;
    });
    return { scene: 'release', state: simulation.view().release.state, booted: [...booted], ended: [...ended] };
  } finally {
    stage.failReleases(false);
  }
}

/** `web.1, life 3` of each dyno whose life serves. */
function lives({ simulation }: Stage): Set<string> {
  const all = simulation
    .view()
    .dynos.flatMap(({ name, runs }) =>
      runs.filter(({ phase }) => phase !== 'stopping').map(({ id }) => `${name}, life ${id}`),
    );
  return new Set(all);
}
