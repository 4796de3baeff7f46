import { afterAll, expect, test } from 'vitest';
import { correctness } from '../../scripts/bench/figures/correctness.js';
import { PEERS } from '../../scripts/bench/peers.js';
import { endAll } from '../../scripts/memory/ending.js';

/** What docs/evidence.md says of us beside the peers, played again. */
test('ours is good in every column of the table of correctness', async () => {
  const [ours] = PEERS;
  const { data } = await correctness({ peers: [ours], say: () => {} });
  const { columns, good, of } = data['mstdn-supervise'];
  expect(columns).toEqual(Object.fromEntries(Object.keys(columns).map((name) => [name, { good: true, what: 'yes' }])));
  expect([good, of]).toEqual([8, 8]);
});

afterAll(endAll);
