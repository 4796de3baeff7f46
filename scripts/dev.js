// npm run dev [-- options]: runs `mstdn-supervise dev` in this clone. It simulates the clone's Procfile and app.json with stand-ins: the
// whole instance in one dyno, streaming on demand. Needs no Ruby, Redis or database.
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
