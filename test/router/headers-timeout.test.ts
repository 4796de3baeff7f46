import { expect, test } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { statusOf } from './messages.ts';
import { awaitResponse } from './responses.ts';
import { request, startRouter } from './router-fixture.ts';
import { respondingUpstream, plainResponse } from './fake-upstream.ts';

/** Node enforces this limit with its own clock, so the test takes as long as the limit. */
test(
  'connections without complete headers are closed after 20 s, connections in use are not',
  { timeout: 90_000 },
  async () => {
    const fixture = await startRouter();
    const puma = respondingUpstream(fixture.pumaSocket, () => plainResponse('ok'));
    const [silent, slow, good] = [fixture.client(), fixture.client(), fixture.client()];
    slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n');
    const trickle = setInterval(() => slow.socket.writable && slow.send('A: b\r\n'), 1000);
    try {
      good.send(request('/'));
      await awaitResponse(good);
      await eventually(() => expect([silent.isClosed, slow.isClosed]).toEqual([true, true]));
    } finally {
      clearInterval(trickle);
    }
    for (const client of [silent, slow].filter(({ received }) => received !== '')) {
      expect(statusOf(await awaitResponse(client))).toBe(408);
    }
    expect(good.isClosed).toBe(false);
    expect(puma.requests).toHaveLength(1);
  },
);
