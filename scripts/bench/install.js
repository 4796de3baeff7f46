// The peers, from packages: Debian's, and npm's into .cache/peers. One that cannot be installed is listed as such.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from '../packages.js';
import { CannotRun, quietly, root } from '../quietly.js';

const PACKAGES = ['ruby-foreman', 'supervisor', 's6', 'runit', 'tini'];
const DEPENDENCIES = { foreman: '3.0.1', concurrently: '10.0.7', pm2: '7.0.4', 'npm-run-all2': '9.0.4' };
const folder = join(root, '.cache/peers');

export const MODULES = join(folder, 'node_modules');

/** What could not be installed, in one line each. */
export async function installPeers() {
  const attempts = [...PACKAGES.map((name) => () => installPackages([name])), installModules];
  const complaints = [];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      complaints.push(error.message);
    }
  }
  return complaints;
}

async function installModules() {
  const isInstalled = Object.entries(DEPENDENCIES).every(([name, version]) => {
    const manifest = join(MODULES, name, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  });
  if (isInstalled) return;
  console.error('Installing foreman, concurrently, pm2 and npm-run-all2 into .cache/peers');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: DEPENDENCIES }));
  const options = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  await quietly(['npm', 'install', '--prefix', folder, ...options], 'the peers from npm could not be installed');
}
