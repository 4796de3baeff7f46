// The supervisor and its peers on one machine: `npm run bench`, or
//   npm run bench -- [FIGURE…] [--quick] [--peers NAME,…] [--docs] [--json]
// All peers that run on Node run on the node of the PATH.
import { parseArgs } from 'node:util';
import { bootstrap } from '../../scripts/bootstrap.js';
import { installPackages } from '../../scripts/packages.js';
import { cleanUp } from '../cleanup.ts';
import { runMain, UsageError } from '../command-line.ts';
import { describeMachine, describeVersions, machine, packageVersions } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import { writeDocs } from './docs.ts';
import { FIGURE_NAMES, FIGURES_OF_REAL_PROGRAMS, isFigureName, loadFigure } from './figure.ts';
import type { FigureName, FigureResult, PlacedResult } from './figure.ts';
import { installPeers } from './installation.ts';
import type { Peer } from './peers.ts';

type Options = { isQuick: boolean; peers: string[] | undefined; docs: boolean; json: boolean };

const USAGE = `npm run bench -- [FIGURE…] [--quick] [--peers NAME,…] [--docs] [--json]

  FIGURE            ${FIGURE_NAMES.join(', ')}; all without one
  --quick           few rounds, to try it out
  --peers NAME,…    only these peers
  --docs            writes the results into docs/ and README.md; needs all rounds and all peers
  --json            prints the raw figures`;
const USAGE_STATUS = 64;

await runMain('npm run bench', main, { usageStatus: USAGE_STATUS, usageHint: '; see --help' });

async function main(): Promise<void> {
  const flag = { type: 'boolean', default: false } as const;
  const options = { help: flag, quick: flag, docs: flag, json: flag, peers: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const names = positionals.map(figureNameOf);
  if (values.docs && (values.quick || values.peers !== undefined)) {
    throw new UsageError('--docs: expected all rounds and all peers, so neither --quick nor --peers');
  }
  const { quick: isQuick, docs, json } = values;
  await bench(names.length > 0 ? names : FIGURE_NAMES, { isQuick, peers: values.peers?.split(','), docs, json });
}

function figureNameOf(name: string): FigureName {
  if (isFigureName(name)) return name;
  throw new UsageError(`figure ${name}: expected one of ${FIGURE_NAMES.join(', ')}`);
}

async function bench(names: readonly FigureName[], { isQuick, peers: wanted, docs, json }: Options): Promise<void> {
  await bootstrap();
  if (names.some((name) => FIGURES_OF_REAL_PROGRAMS.includes(name))) await installPackages();
  const { peers, versions } = await installPeers(wanted);
  const place = { ...machine(), isQuick, versions };
  if (!json) console.log(`${describeMachine(place)}\n${describeVersions(versions)}`);
  const results: Record<string, PlacedResult> = {};
  for (const name of names) {
    const { packages = {}, ...result } = await measure(name, peers, isQuick);
    const placed = { ...result, place: { ...place, versions: { ...versions, ...packageVersions(packages) } } };
    results[name] = placed;
    if (!json) show(result);
    // Written after each figure: a run takes an hour and may be interrupted.
    if (docs) await writeDocs({ [name]: placed });
  }
  if (json) console.log(JSON.stringify(results, withoutImages, 2));
}

async function measure(name: FigureName, peers: readonly Peer[], isQuick: boolean): Promise<FigureResult> {
  const figure = await loadFigure(name);
  try {
    return await figure({ peers, isQuick, say: (text) => console.error(`${name}: ${text}`) });
  } finally {
    cleanUp();
  }
}

function show({ title, rows, notes }: FigureResult): void {
  console.log(['', title, '', markdownTable(rows), '', ...notes.map((note) => `- ${note}`)].join('\n'));
}

function withoutImages(key: string, value: unknown): unknown {
  return key === 'images' ? undefined : value;
}
