// npm run dev [-- options]: `mstdn-supervise dev` in this clone, whose Procfile and app.json it simulates on stand-ins: the
// whole instance in one dyno, streaming on demand. No Ruby, no Redis, no database.
import { join } from 'node:path';
import { bootstrap } from './bootstrap.js';
import { CannotRun, root } from './quietly.js';

try {
  await bootstrap();
  process.env.RUN_STREAMING ??= 'on-demand';
  const binary = join(root, 'bin/mstdn-supervise.js');
  process.argv = [process.execPath, binary, 'dev', ...process.argv.slice(2)];
  await import(binary);
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm run dev: ${error.message}`);
  process.exitCode = 1;
}
