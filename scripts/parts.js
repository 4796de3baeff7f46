// The real parts that the tests need: puma, sidekiq, Rails, Redis and PostgreSQL, and three versions of Node.
import { CannotRun } from './quietly.js';
import { installNodes } from './nodes.js';
import { installPackages } from './packages.js';

/** Installs what is missing; some 30 ms when nothing is. Throws CannotRun, naming what a person has to install. */
export async function installParts() {
  if (process.platform !== 'linux') {
    throw new CannotRun('the tests read /proc, which only Linux has; for the others: npx vitest run --project pure');
  }
  await Promise.all([installPackages(), installNodes()]);
}
