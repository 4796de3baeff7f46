// The peers that are on this machine, and the versions of all.
import { CannotRun } from '../quietly.js';
import { installPeers } from './install.js';
import { PEERS } from './peers.js';

/** names: those wanted, all unless told; versions: { name: version }, of one that could not be installed the words for it.
 * Installs what is missing; says why one cannot be. */
export async function installedPeers(names = PEERS.map(({ name }) => name)) {
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown !== undefined) {
    throw new CannotRun(`no peer ${unknown}; there are ${PEERS.map(({ name }) => name).join(', ')}`);
  }
  for (const complaint of await installPeers()) console.error(complaint);
  const wanted = PEERS.filter(({ name }) => names.includes(name));
  const versions = Object.fromEntries(wanted.map((peer) => [peer.name, versionOf(peer)]));
  return { peers: wanted.filter(({ name }) => versions[name] !== MISSING), versions };
}

const MISSING = 'could not be installed';

function versionOf(peer) {
  try {
    return peer.version();
  } catch {
    return MISSING; // neither Debian's database nor node_modules has it
  }
}
