// npm test [vitest arguments]: installs and builds what the tests need, and runs them. Works in a bare clone.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.js';
import { installParts } from './parts.js';
import { CannotRun, root } from './quietly.js';

try {
  await bootstrap();
  await installParts();
  process.exitCode = await vitest(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm test: ${error.message}`);
  process.exitCode = 1;
}

function vitest(args) {
  const runner = join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [runner, 'run', ...args], { cwd: root, stdio: 'inherit' });
  // Ctrl-C sends SIGINT to vitest as well: wait for its exit. SIGTERM reaches only this process.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
