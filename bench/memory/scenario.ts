// The result of a memory scenario, and how it reaches the terminal and the docs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/quietly.js';
import type { LogEntry } from '../dyno/dyno.ts';
import { seconds } from '../report/format.ts';
import { markdownTable, replaceSection, writeFormatted } from '../report/markdown.ts';
import type { Row } from '../report/markdown.ts';

/** Reports progress. */
export type Say = (text: string) => void;
export type Claim = { text: string; holds: boolean };
/** `log`: what the supervisor logged; `images`: SVG by file name; `data`: the figures for other programs. */
export type ScenarioResult = {
  title: string;
  rows: readonly Row[];
  claims: readonly Claim[];
  notes?: readonly string[];
  data?: unknown;
  log?: readonly LogEntry[];
  images?: Record<string, string>;
};
export type Scenario = (say: Say) => Promise<ScenarioResult>;

const PAGE = join(root, 'docs/memory.md');
const IMAGES = join(root, 'docs/images');

export function holdAll(claims: readonly Claim[]): boolean {
  return claims.every(({ holds }) => holds);
}

/** Includes the supervisor's log where a claim does not hold. */
export function describeResult({ title, rows, notes = [], claims, log = [] }: ScenarioResult): string {
  const verdicts = claims.map(({ text, holds }) => `${holds ? 'holds' : 'DOES NOT HOLD'}: ${text}`);
  const entries = holdAll(claims) ? [] : log.map(({ atMs, msg }) => `${seconds(atMs)}: ${msg ?? ''}`);
  return [`\n${title}\n`, markdownTable(rows), '', ...notes, ...verdicts, '', ...entries].join('\n');
}

/** Writes charts into docs/images, and tables between `<!-- memory NAME -->` and `<!-- /memory -->` of docs/memory.md. */
export async function writeDocs(results: Record<string, ScenarioResult>): Promise<void> {
  mkdirSync(IMAGES, { recursive: true });
  for (const { images = {} } of Object.values(results)) {
    for (const [name, svg] of Object.entries(images)) writeFileSync(join(IMAGES, name), svg);
  }
  if (!existsSync(PAGE)) return;
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, { rows, notes = [] }] of Object.entries(results)) {
    const body = [markdownTable(rows), ...notes].join('\n\n');
    page = replaceSection(page, `<!-- memory ${name} -->`, '<!-- /memory -->', body) ?? page;
  }
  await writeFormatted(PAGE, page);
}
