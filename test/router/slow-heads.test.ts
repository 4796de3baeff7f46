import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { statusOf } from './messages.ts';
import { replyOn } from './replies.ts';
import { request, startRouter } from './rig.ts';
import { answering, plain } from './upstream.ts';

/** Node's own clock is behind this limit: these take as long as it is. */
test(
  'who does not get to the end of its headers is closed, who never begins as well; who is served meanwhile is not',
  { timeout: 90_000 },
  async () => {
    const rig = await startRouter();
    const puma = answering(rig.pumaSocket, () => plain('ok'));
    const [silent, slow, good] = [rig.client(), rig.client(), rig.client()];
    slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n');
    const trickle = setInterval(() => slow.socket.writable && slow.send('A: b\r\n'), 1000);
    try {
      good.send(request('/'));
      await replyOn(good);
      await eventually(() => expect([silent.isClosed, slow.isClosed]).toEqual([true, true]));
    } finally {
      clearInterval(trickle);
    }
    for (const client of [silent, slow].filter(({ received }) => received !== '')) {
      expect(statusOf(await replyOn(client))).toBe(408);
    }
    expect(good.isClosed).toBe(false);
    expect(puma.requests).toHaveLength(1);
  },
);
