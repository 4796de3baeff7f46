// The memory of the whole dyno, by the memory scenario of that name. Takes 5 minutes.
import { whole as measureWhole } from '../../memory/scenarios/whole.ts';
import type { WholeDynoFigures } from '../../memory/scenarios/whole.ts';
import { REAL_PARTS, REAL_RAILS } from '../../report/machine.ts';
import type { FigureContext, FigureResult } from '../figure.ts';
import { wholeDynoChart } from '../images.ts';

const ABOUT = `\`npm run memory -- whole\`: a Rails app on real puma and sidekiq, the same jobs and 20 requests a second for each; PSS of all
processes of the dyno, swap included. The last three rows are ours without one of its savings.`;

export async function whole({ say }: Pick<FigureContext, 'say'>): Promise<FigureResult<WholeDynoFigures>> {
  const { title, rows, claims, data } = await measureWhole(say);
  const verdicts = claims.map(({ text, holds }) => `${holds ? 'reached' : 'missed'}: ${text}`);
  return {
    title,
    rows,
    notes: [ABOUT, ...verdicts],
    data,
    images: { 'whole-dyno.svg': wholeDynoChart(data) },
    packages: { ...REAL_PARTS, ...REAL_RAILS, jemalloc: 'libjemalloc2' },
  };
}
