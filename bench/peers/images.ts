// The bar charts of the README.
import { barChart } from '../report/chart.ts';
import { megabytes } from '../report/format.ts';
import type { RestartFigures } from './restarts/summary.ts';
import type { WholeDynoFigures } from '../memory/scenarios/whole.ts';

/** `data`: of the figure `restarts`. A bar is jobs per restart, so that it has the right length for a peer with fewer restarts. */
export function jobsLostChart(data: Record<string, { all: RestartFigures; main: RestartFigures }>): string {
  const most = Math.max(...Object.values(data).map(({ all }) => all.restarts));
  const bar = ({ jobs, restarts }: RestartFigures) => ({
    size: jobs.lost / restarts,
    text: restarts < most ? `${jobs.lost} in ${restarts} restarts` : `${jobs.lost}`,
  });
  return barChart({
    title: `Jobs lost in ${most} restarts of a dyno with five jobs in hand`,
    legend: ['TERM to all, as Heroku does', 'TERM to the main process only'],
    groups: Object.entries(data).map(([name, { all, main }]) => ({
      name,
      isOurs: name.startsWith('mstdn-supervise'),
      bars: [bar(all), bar(main)],
    })),
  });
}

/** `data`: of the figure `whole`: the shell line, then the variants of the supervisor. */
export function wholeDynoChart(data: Record<string, WholeDynoFigures>): string {
  const shellBytes = Object.values(data)[0]?.pssBytes ?? NaN;
  const text = (bytes: number) => `${megabytes(bytes)}, ${Math.round((100 * bytes) / shellBytes)} %`;
  return barChart({
    title: 'Memory of the whole dyno, real puma and sidekiq at work',
    groups: Object.entries(data).map(([name, { pssBytes }], index) => ({
      name,
      isOurs: index > 0,
      bars: [{ size: pssBytes, text: text(pssBytes) }],
    })),
  });
}
