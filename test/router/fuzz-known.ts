import type { FuzzCase } from './fuzz-bed.ts';
import type { Script } from './fuzz-replies.ts';

/** Leaves out what the router is known to do wrong. Each line goes with its fix, and the file with the last. */
export function withoutKnown({ client, scripts }: FuzzCase): FuzzCase {
  const bytes = client.packets.join('');
  const isPipelined = bytes.split(/HTTP\/1/i).length > 2;
  const isUpgraded = isPipelined && /upgrade/i.test(bytes);
  const without = (one: Script): Script => ({
    ...one,
    // 1xx for a request behind another goes out behind the head of its reply.
    interim: isPipelined ? '' : one.interim,
    // What is not ASCII goes out in UTF-8 once more, or loses a space that is none.
    head: one.head.replace(/[^\0-\x7f]/g, ''),
    // The same length twice is passed on twice.
    changes: one.changes.filter(({ kind }) => kind !== 'repeat'),
  });
  return {
    // An upgrade behind a request that is still open takes that one's `drain` away, and the end of the connection.
    // A length beyond what every server can count is passed on.
    client: { ...client, packets: isUpgraded || /length:\s*\d{16}/i.test(bytes) ? [] : client.packets },
    scripts: { puma: scripts.puma.map(without), streaming: scripts.streaming.map(without) },
  };
}
