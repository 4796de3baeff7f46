// A bare clone becomes one that runs: node_modules as package-lock.json says, dist/ no older than its sources.
// Runs before anything is installed, so it uses nothing but Node.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun, quietly, root } from './quietly.js';

/** Installs and builds what is missing or stale; some 20 ms when nothing is. Throws CannotRun. */
export async function bootstrap() {
  requireNode();
  if (!isInstalled()) await install();
  if (!isBuilt()) await build();
}

function requireNode() {
  const [major, minor] = json('package.json').engines.node.match(/\d+/g).map(Number);
  const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number);
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return;
  throw new CannotRun(`Node ${major}.${minor} or newer is needed; this is ${process.version}`);
}

async function install() {
  console.error('Installing node_modules');
  await quietly(['npm', 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], 'npm ci failed');
}

async function build() {
  console.error('Building dist');
  await quietly([process.execPath, 'scripts/build.js'], 'the build failed');
}

/** Every package of the lock file is on the disk in its version; optional ones may be missing (other platforms). */
function isInstalled() {
  return Object.entries(json('package-lock.json').packages).every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    const manifest = join(path, 'package.json');
    return existsSync(join(root, manifest)) ? json(manifest).version === version : optional;
  });
}

function isBuilt() {
  const outputs = ['dist/main.cjs', 'dist/api.d.ts', 'dist/simulator/page/page.html'].map((path) => join(root, path));
  if (!outputs.every((path) => existsSync(path))) return false;
  const sources = ['src', 'scripts/build.js', 'package.json', 'package-lock.json', 'tsconfig.json'];
  const changed = Math.max(...sources.map((path) => newestIn(join(root, path))));
  return outputs.every((path) => statSync(path).mtimeMs >= changed);
}

/** Milliseconds since the epoch. Folders count as well: a deleted source changes nothing else. */
function newestIn(path) {
  const stat = statSync(path);
  const inside = stat.isDirectory() ? readdirSync(path).map((name) => newestIn(join(path, name))) : [];
  return Math.max(stat.mtimeMs, ...inside);
}

function json(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
