// Prepares a bare clone: node_modules as in package-lock.json, and dist/ no older than its sources.
// Runs before anything is installed, so it uses only Node.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun, quietly, root } from './quietly.js';

/** Installs and builds what is missing or stale. Takes some 20 ms if nothing is. Throws CannotRun. */
export async function bootstrap() {
  requireNode();
  if (!isInstalled()) await install();
  if (!isBuilt()) await build();
}

function requireNode() {
  const [major, minor] = json('package.json').engines.node.match(/\d+/g).map(Number);
  const [runningMajor, runningMinor] = process.versions.node.split('.').map(Number);
  if (runningMajor > major || (runningMajor === major && runningMinor >= minor)) return;
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

/** Whether every package of the lock file is installed in its version. Optional ones, for other platforms, may be missing. */
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

/** Milliseconds since the epoch. Folders count as well: a deleted source file changes only its folder. */
function newestIn(path) {
  const stat = statSync(path);
  const entries = stat.isDirectory() ? readdirSync(path).map((name) => newestIn(join(path, name))) : [];
  return Math.max(stat.mtimeMs, ...entries);
}

function json(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
