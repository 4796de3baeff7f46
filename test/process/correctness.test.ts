import { afterAll, expect, test } from 'vitest';
import { cleanUp } from '../../bench/cleanup.ts';
import { correctness } from '../../bench/peers/figures/correctness.ts';
import { PEERS } from '../../bench/peers/peers.ts';

/** What docs/evidence.md says of mstdn-supervise, measured again. */
test('mstdn-supervise passes every column of the correctness table', async () => {
  const peers = PEERS.filter(({ name }) => name === 'mstdn-supervise');
  const { data } = await correctness({ peers, say: () => undefined });
  const { columns = {}, good, of } = data['mstdn-supervise'] ?? {};
  expect(columns).toEqual(Object.fromEntries(Object.keys(columns).map((name) => [name, { good: true, what: 'yes' }])));
  expect([good, of]).toEqual([8, 8]);
});

afterAll(cleanUp);
