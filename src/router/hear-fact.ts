import type { Fact } from '../facts.ts';
import type { Gate } from './gate.ts';

/** After these it is down, or about to be. Up is only what was seen ready: what was not in its time still can be. */
const DOWN: readonly Fact['fact'][] = ['started', 'resting', 'restarting', 'saving', 'ended'];

/** What a fact about an upstream means for the way to it. */
export function hearFact(fact: Fact, gate: Gate): void {
  if (fact.fact === 'ready') gate.open();
  if (DOWN.includes(fact.fact)) gate.shut();
  if (fact.fact === 'ended' || fact.fact === 'available') gate.renew();
  if (fact.fact === 'recycling') gate.quiet();
  if (fact.fact === 'not-woken') gate.refuse(fact.why);
}
