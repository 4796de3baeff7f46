import type { Figures } from './figures.ts';
import type { Line, Verdict } from './lines.ts';
import type { SceneName } from './scene-names.ts';
import { ofBoot, ofDeploy, ofLoad, ofRelease } from './verdict-at-work.ts';
import { ofCrash, ofFlood, ofStop } from './verdict-in-trouble.ts';

/** One line of the table. */
export type Row = { scene: SceneName; what: string; figure: string; limit: string; verdict: Verdict };

/** What the figures of a scene mean: the thresholds stand here and in docs/simulator.md. */
export function judge(figures: Figures): Row[] {
  return rowsOf(figures).map(([what, figure, limit, verdict]) => ({
    scene: figures.scene,
    what,
    figure,
    limit,
    verdict,
  }));
}

function rowsOf(figures: Figures): Line[] {
  if ('leftOut' in figures) return [['left out', figures.leftOut, '', 'note']];
  if ('stuck' in figures) return [['could not go on', figures.stuck, '', 'bad']];
  switch (figures.scene) {
    case 'boot':
      return ofBoot(figures);
    case 'load':
      return ofLoad(figures);
    case 'deploy':
      return ofDeploy(figures);
    case 'crash':
      return figures.cases.flatMap((one) => ofCrash(one, figures));
    case 'flood':
      return ofFlood(figures);
    case 'stop':
      return ofStop(figures);
    case 'release':
      return ofRelease(figures);
  }
}
