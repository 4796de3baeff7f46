// npm run chaos -- [--runs N] [--seed S] [--path P]: random stories of a dyno's life with the real binary, each held to
// docs/termination.md. What fails is printed as the shortest story found, with its seed and path to play it again.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.js';
import { root } from './quietly.js';

const { values } = parseArgs({
  options: { runs: { type: 'string' }, seed: { type: 'string' }, path: { type: 'string' } },
});
await bootstrap();
const env = {
  ...process.env,
  CHAOS_RUNS: values.runs ?? '100',
  CHAOS_SEED: values.seed ?? `${Date.now() % 1_000_000}`,
  ...(values.path === undefined ? {} : { CHAOS_PATH: values.path }),
};
console.log(`${env.CHAOS_RUNS} stories from seed ${env.CHAOS_SEED} on`);
const runner = join(root, 'node_modules/vitest/vitest.mjs');
const child = spawn(process.execPath, [runner, 'run', '--project', 'chaos'], { cwd: root, stdio: 'inherit', env });
process.on('SIGINT', () => {});
child.once('exit', (code, signal) => (process.exitCode = code ?? 128 + constants.signals[signal]));
