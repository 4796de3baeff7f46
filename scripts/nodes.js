// Installs the versions of Node for the process tests, from npm's registry into .cache/nodes/MAJOR/bin/node.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun, quietly, root } from './quietly.js';

const versions = ['20.20.2', '22.23.3', '24.21.0', '26.12.1'];
const architectures = ['x64', 'arm64'];
const folder = join(root, '.cache/nodes');

export async function installNodes() {
  if (!architectures.includes(process.arch)) {
    throw new CannotRun(
      `Node for the tests is available for ${architectures.join(' and ')} only; this machine is ${process.arch}`,
    );
  }
  const missing = versions.filter((version) => !isInstalled(version));
  if (missing.length > 0) console.error(`Installing Node ${missing.join(', ')} into .cache/nodes`);
  await Promise.all(missing.map(install));
}

function isInstalled(version) {
  const manifest = join(home(version), 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
}

/** Installs into a temporary folder, tries it there and renames it, so that an interrupted download never counts as installed. */
async function install(version) {
  const name = `node-linux-${process.arch}`;
  mkdirSync(folder, { recursive: true });
  const incoming = mkdtempSync(join(folder, 'incoming-'));
  try {
    const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    const command = ['npm', 'install', '--prefix', incoming, ...options, `${name}@${version}`];
    await quietly(command, `${name}@${version} could not be installed`);
    await quietly([join(incoming, 'node_modules', name, 'bin/node'), '--version'], `Node ${version} does not run here`);
    rmSync(home(version), { recursive: true, force: true });
    renameSync(join(incoming, 'node_modules', name), home(version));
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}

function home(version) {
  return join(folder, version.split('.')[0]);
}
