// How each peer hands the children's lines on: with a prefix where it can, and as they are where it can.

/** Each peer in each of its ways, in the order of the peers. */
export function waysOf(peers) {
  return peers.flatMap((peer) =>
    (WAYS[peer.name] ?? [{ way: 'none' }]).map((way) => ({ peer: told(peer, way), ...way })),
  );
}

/** way: whether the lines get a prefix; options: words that are added to the command, at this place of it. */
const WAYS = {
  'mstdn-supervise': [{ way: 'prefix', env: { SUPERVISE_LOG_PREFIX: 'true' } }, { way: 'none' }],
  'ruby-foreman': [{ way: 'prefix' }],
  'node-foreman': [{ way: 'prefix' }],
  concurrently: [{ way: 'prefix' }, { way: 'none', options: ['--raw'], at: 2 }],
  'run-p': [{ way: 'prefix', options: ['--print-label'], at: 2 }, { way: 'none' }],
};

function told(peer, { options = [], at = 0 }) {
  const line = (setup) => {
    const { command, ...rest } = peer.line(setup);
    return { ...rest, command: command.toSpliced(at, 0, ...options) };
  };
  return { ...peer, line };
}
