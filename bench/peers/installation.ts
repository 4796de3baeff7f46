// Installs the peers: from Debian's packages, and from npm into .cache/peers. A peer that cannot be installed is left out.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from '../../scripts/packages.js';
import { CannotRun, quietly } from '../../scripts/quietly.js';
import type { Versions } from '../report/machine.ts';
import { MODULES, PEERS, PEERS_FOLDER } from './peers.ts';
import type { Peer } from './peers.ts';

const PACKAGES = ['ruby-foreman', 'supervisor', 's6', 'runit', 'tini'];
const DEPENDENCIES = { foreman: '3.0.1', concurrently: '10.0.7', pm2: '7.0.4', 'npm-run-all2': '9.0.4' };
const MISSING = 'could not be installed';

/**
 * Installs what is missing, and returns the peers with these names, by default all, that are installed. `versions` lists the others
 * as well, and says that they could not be installed.
 */
export async function installPeers(
  names: readonly string[] = PEERS.map(({ name }) => name),
): Promise<{ peers: Peer[]; versions: Versions }> {
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown !== undefined) {
    throw new CannotRun(`peer ${unknown}: expected some of ${PEERS.map(({ name }) => name).join(', ')}`);
  }
  for (const complaint of await installAll()) console.error(complaint);
  const wanted = PEERS.filter(({ name }) => names.includes(name));
  const versions = Object.fromEntries(wanted.map((peer) => [peer.name, versionOf(peer)]));
  return { peers: wanted.filter(({ name }) => versions[name] !== MISSING), versions };
}

/** Returns what could not be installed, one line each. */
async function installAll(): Promise<string[]> {
  const attempts = [...PACKAGES.map((name) => () => installPackages([name])), installModules];
  const complaints: string[] = [];
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

async function installModules(): Promise<void> {
  if (Object.entries(DEPENDENCIES).every(([name, version]) => isInstalled(name, version))) return;
  console.error('Installing foreman, concurrently, pm2 and npm-run-all2 into .cache/peers');
  mkdirSync(PEERS_FOLDER, { recursive: true });
  const manifest = JSON.stringify({ private: true, dependencies: DEPENDENCIES });
  writeFileSync(join(PEERS_FOLDER, 'package.json'), manifest);
  const options = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  await quietly(['npm', 'install', '--prefix', PEERS_FOLDER, ...options], 'the peers from npm could not be installed');
}

function isInstalled(name: string, version: string): boolean {
  const manifest = join(MODULES, name, 'package.json');
  if (!existsSync(manifest)) return false;
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version === version;
}

function versionOf(peer: Peer): string {
  try {
    return peer.version();
  } catch {
    return MISSING; // Neither Debian's package database nor node_modules has it.
  }
}
