// The figures of docs/memory.md, with real puma, sidekiq, Redis and ImageMagick: `npm run memory`, or
//   npm run memory -- [SCENARIO…] [--json] [--docs]
// --docs writes the charts into docs/images and the tables between the markers of docs/memory.md.
import { parseArgs } from 'node:util';
import { bootstrap } from '../../scripts/bootstrap.js';
import { installParts } from '../../scripts/parts.js';
import { cleanUp } from '../cleanup.ts';
import { runMain, UsageError } from '../command-line.ts';
import { describeResult, holdAll, writeDocs } from './scenario.ts';
import type { Scenario, ScenarioResult } from './scenario.ts';
import { cluster } from './scenarios/cluster.ts';
import { cpu } from './scenarios/cpu.ts';
import { images } from './scenarios/images.ts';
import { leak } from './scenarios/leak.ts';
import { rubyGc } from './scenarios/ruby-gc.ts';
import { saved } from './scenarios/saved.ts';
import { whole } from './scenarios/whole.ts';

/** In the order in which they run. */
const SCENARIOS = new Map<string, Scenario>(
  Object.entries({ saved, leak, cluster, whole, 'ruby-gc': rubyGc, cpu, images }),
);

await runMain('npm run memory', main);

async function main(): Promise<void> {
  const options = { json: { type: 'boolean', default: false }, docs: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const scenarios = positionals.length > 0 ? positionals.map(scenarioOf) : [...SCENARIOS];
  await bootstrap();
  await installParts();
  const results: Record<string, ScenarioResult> = {};
  for (const [name, scenario] of scenarios) results[name] = await run(name, scenario, { isQuiet: values.json });
  if (values.json) console.log(JSON.stringify(results, withoutBulk, 2));
  if (values.docs) await writeDocs(results);
}

function scenarioOf(name: string): [string, Scenario] {
  const scenario = SCENARIOS.get(name);
  if (scenario !== undefined) return [name, scenario];
  throw new UsageError(`scenario ${name}: expected one of ${[...SCENARIOS.keys()].join(', ')}`);
}

async function run(name: string, scenario: Scenario, { isQuiet }: { isQuiet: boolean }): Promise<ScenarioResult> {
  try {
    const result = await scenario((text) => console.error(`${name}: ${text}`));
    if (!isQuiet) console.log(describeResult(result));
    if (!holdAll(result.claims)) process.exitCode = 1;
    return result;
  } finally {
    cleanUp();
  }
}

function withoutBulk(key: string, value: unknown): unknown {
  return key === 'images' || key === 'log' ? undefined : value;
}
