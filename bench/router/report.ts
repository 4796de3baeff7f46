// The result of one part of the router benchmark: a table and goals, and how they reach docs/one-dyno.md.
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { CannotRun, root } from '../../scripts/quietly.js';
import { markdownTable, replaceSection, writeFormatted } from '../report/markdown.ts';
import type { Row } from '../report/markdown.ts';

/** A missed goal is reported; it does not fail the run. */
export type Goal = { text: string; holds: boolean };
/** `found`: the raw figures. */
export type PartResult = { title: string; rows: readonly Row[]; goals: readonly Goal[]; found: unknown };
export type Part = (say: (text: string) => void) => Promise<PartResult>;
/** `show` makes figures readable; `quartiles`: of the rounds whose median is the value. */
type Measured = { value: number; show: (value: number) => string; quartiles?: readonly number[] };

const PAGE = join(root, 'docs/one-dyno.md');
const [BEGIN, END] = ['<!-- figures -->', '<!-- /figures -->'];

export function atLeast(bound: number, what: string, measured: Measured): Goal {
  return goal(what, measured.value >= bound, `${shown(measured)}, goal at least ${measured.show(bound)}`);
}

export function atMost(bound: number, what: string, measured: Measured): Goal {
  return goal(what, measured.value <= bound, `${shown(measured)}, goal at most ${measured.show(bound)}`);
}

function shown({ value, show, quartiles }: Measured): string {
  return quartiles ? `${show(value)} (quartiles ${quartiles.map(show).join(' to ')})` : show(value);
}

function goal(what: string, holds: boolean, figures: string): Goal {
  return { holds, text: `${holds ? 'reached' : 'missed'}: ${what}: ${figures}` };
}

/** In Markdown. */
export function sectionOf({ title, rows, goals }: PartResult): string {
  return [`${title}:`, markdownTable(rows), goals.map(({ text }) => `- ${text}`).join('\n')].join('\n\n');
}

export async function writeDocs(results: Record<string, PartResult>): Promise<void> {
  const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
  const machine = `${cpus().length} cores, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}.`;
  const body = [machine, ...Object.values(results).map(sectionOf)].join('\n\n');
  const text = replaceSection(page, BEGIN, END, body);
  if (text === null) throw new CannotRun(`docs/one-dyno.md needs a line ${BEGIN} and after it a line ${END}`);
  await writeFormatted(PAGE, text);
}
