import type { LogLine, View } from '../view.ts';
import type { Figures } from './figures.ts';
import { sum, table } from './table.ts';
import { judge, type Row } from './verdict.ts';

/** A scene that has been played. log: the last lines of the platform's log from it. */
export type PlayedScene = { figures: Figures; tookMs: number; log: readonly LogLine[] };

export type Report = {
  /** Of these fields: what is there stays as it is as long as this does. */
  format: 1;
  verdict: 'good' | 'bad';
  app: { folder: string; standIns: boolean };
  timeScale: number;
  scenes: readonly SceneReport[];
};
/** log: only of a scene with something bad in it. */
export type SceneReport = {
  scene: string;
  verdict: 'good' | 'bad';
  tookMs: number;
  figures: Figures;
  rows: readonly Omit<Row, 'scene'>[];
  log: readonly string[];
};

/** Of a line of the log. */
const TEXT_MOST = 300;

/** What --json prints. */
export function reportOf({ app, timeScale }: View, played: readonly PlayedScene[]): Report {
  const scenes = played.map(({ figures, tookMs, log }): SceneReport => {
    const rows = judge(figures).map(({ what, figure, limit, verdict }) => ({ what, figure, limit, verdict }));
    const verdict = rows.some((row) => row.verdict === 'bad') ? 'bad' : 'good';
    const lines = verdict === 'bad' ? log.map(lineOf) : [];
    return { scene: figures.scene, verdict, tookMs: Math.round(tookMs), figures, rows, log: lines };
  });
  const verdict = scenes.some((scene) => scene.verdict === 'bad') ? 'bad' : 'good';
  const { folder, standIns } = app;
  return { format: 1, verdict, app: { folder, standIns }, timeScale, scenes };
}

/** What a person gets: the logs of the scenes that went badly, then the table. */
export function inWords({ app, timeScale, scenes }: Report, isColoured: boolean): string {
  const logs = scenes.flatMap(({ scene, log }) =>
    log.length === 0 ? [] : [`The end of the log of ${scene}:`, ...log, ''],
  );
  const rows = scenes.flatMap(({ figures }) => judge(figures));
  const times = timeScale === 1 ? '' : `, all times of the platform ${timeScale} times shorter`;
  const head = `${app.standIns ? 'Stand-ins' : 'The real commands'} in ${app.folder}${times}`;
  return `${[...logs, head, '', table(rows, isColoured), '', sum(rows)].join('\n')}\n`;
}

function lineOf({ atMs, source, from, text }: LogLine): string {
  const short = text.length > TEXT_MOST ? `${text.slice(0, TEXT_MOST)}…` : text;
  return `${new Date(atMs).toISOString()} ${source}[${from}]: ${short}`;
}
