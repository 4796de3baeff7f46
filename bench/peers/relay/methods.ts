// How each peer relays the children's lines: with a prefix if it can, and unchanged if it can.
import type { Peer, PeerSetup } from '../peers.ts';

export type RelayMethod = 'prefix' | 'none';
/** `peer`: with the options of this method; `env`: variables of this method. */
export type RelayVariant = { peer: Peer; method: RelayMethod; env: NodeJS.ProcessEnv };
/** `options`: words that are inserted into the command at index `at`. */
type MethodOptions = { method: RelayMethod; env?: NodeJS.ProcessEnv; options?: readonly string[]; at?: number };

/** Other peers let the children write straight to the output. */
const METHODS: Record<string, readonly MethodOptions[]> = {
  'mstdn-supervise': [{ method: 'prefix', env: { SUPERVISE_LOG_PREFIX: 'true' } }, { method: 'none' }],
  'ruby-foreman': [{ method: 'prefix' }],
  'node-foreman': [{ method: 'prefix' }],
  concurrently: [{ method: 'prefix' }, { method: 'none', options: ['--raw'], at: 2 }],
  'run-p': [{ method: 'prefix', options: ['--print-label'], at: 2 }, { method: 'none' }],
};

/** Each peer with each of its methods, in the order of the peers. */
export function relayVariants(peers: readonly Peer[]): RelayVariant[] {
  return peers.flatMap((peer) =>
    (METHODS[peer.name] ?? [{ method: 'none' }]).map(({ method, env = {}, options = [], at = 0 }) => ({
      peer: withOptions(peer, options, at),
      method,
      env,
    })),
  );
}

function withOptions(peer: Peer, options: readonly string[], at: number): Peer {
  const commandLine = (setup: PeerSetup) => {
    const { command, ...rest } = peer.commandLine(setup);
    return { ...rest, command: command.toSpliced(at, 0, ...options) };
  };
  return { ...peer, commandLine };
}
