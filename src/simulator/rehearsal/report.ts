import type { LogLine, View } from '../simulation.ts';
import type { Figures } from './figures.ts';
import { judge, type Row } from './verdict.ts';

/** The result of a scenario. log: its last lines of the platform's log. */
export type ScenarioResult = { figures: Figures; tookMs: number; log: readonly LogLine[] };

export type Report = {
  /** Fields keep their meaning as long as this number stays the same. */
  format: 1;
  verdict: 'good' | 'bad';
  app: { folder: string; standIns: boolean };
  timeScale: number;
  scenarios: readonly ScenarioReport[];
};
/** log: only if something is bad. */
type ScenarioReport = {
  scenario: string;
  verdict: 'good' | 'bad';
  tookMs: number;
  figures: Figures;
  rows: readonly Omit<Row, 'scenario'>[];
  log: readonly string[];
};

/** The length limit of a log line. */
const MAX_TEXT = 300;

/** What --json prints. */
export function createReport({ app, timeScale }: View, scenarioResults: readonly ScenarioResult[]): Report {
  const scenarios = scenarioResults.map(({ figures, tookMs, log }): ScenarioReport => {
    const rows = judge(figures).map(({ what, figure, limit, verdict }) => ({ what, figure, limit, verdict }));
    const verdict = rows.some((row) => row.verdict === 'bad') ? 'bad' : 'good';
    const lines = verdict === 'bad' ? log.map(lineOf) : [];
    return { scenario: figures.scenario, verdict, tookMs: Math.round(tookMs), figures, rows, log: lines };
  });
  const verdict = scenarios.some((scenario) => scenario.verdict === 'bad') ? 'bad' : 'good';
  const { folder, standIns } = app;
  return { format: 1, verdict, app: { folder, standIns }, timeScale, scenarios };
}

/** The report for a terminal: the logs of bad scenarios, then the table. */
export function formatReport({ app, timeScale, scenarios }: Report, isColoured: boolean): string {
  const logs = scenarios.flatMap(({ scenario, log }) =>
    log.length === 0 ? [] : [`The end of the log of ${scenario}:`, ...log, ''],
  );
  const rows = scenarios.flatMap(({ figures }) => judge(figures));
  const times = timeScale === 1 ? '' : `, all times of the platform ${timeScale} times shorter`;
  const head = `${app.standIns ? 'Stand-ins' : 'The real commands'} in ${app.folder}${times}`;
  return `${[...logs, head, '', formatTable(rows, isColoured), '', formatTotals(rows)].join('\n')}\n`;
}

function lineOf({ atMs, source, from, text }: LogLine): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return `${new Date(atMs).toISOString()} ${source}[${from}]: ${short}`;
}

const HEAD = ['scenario', 'what', 'figure', 'limit', 'verdict'] as const;
const COLOURS = { good: 32, bad: 31, note: 90 } as const;
const GAP = '  ';

/** One line per figure, in columns. Each scenario is named once. */
export function formatTable(rows: readonly Row[], isColoured = false): string {
  const cells = rows.map(({ scenario, what, figure, limit, verdict }, index) => {
    const isNew = rows[index - 1]?.scenario !== scenario;
    return [isNew ? scenario : '', what, figure, limit, verdict];
  });
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const lines = all.map((line) => pad(line, widths));
  if (!isColoured) return lines.join('\n');
  return lines.map((line, index) => coloured(line, rows[index - 1])).join('\n');
}

function pad(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join(GAP)
    .trimEnd();
}

/** The verdict is the last word of the line. */
function coloured(line: string, row: Row | undefined): string {
  if (row === undefined) return `\x1b[1m${line}\x1b[0m`;
  const { verdict } = row;
  return `${line.slice(0, -verdict.length)}\x1b[${COLOURS[verdict]}m${verdict}\x1b[0m`;
}

/** `31 good, 2 bad, 9 notes` */
function formatTotals(rows: readonly Row[]): string {
  const count = (verdict: string): number => rows.filter((row) => row.verdict === verdict).length;
  return `${count('good')} good, ${count('bad')} bad, ${count('note')} notes`;
}
