// Installs the programs that the tests need: puma, sidekiq, Rails, Redis, PostgreSQL and three versions of Node.
import { CannotRun } from './quietly.js';
import { installNodes } from './nodes.js';
import { installPackages } from './packages.js';

/** Installs what is missing. Takes some 30 ms if nothing is. Throws CannotRun with the packages to install by hand. */
export async function installParts() {
  if (process.platform !== 'linux') {
    throw new CannotRun(
      'the tests read /proc, which only Linux has; elsewhere run the unit tests: npx vitest run --project pure',
    );
  }
  await Promise.all([installPackages(), installNodes()]);
}
