import type { Fact } from '../facts.ts';
import type { Gate } from './gate.ts';

/** After these it is up; it is down, or about to be. */
const UP: readonly Fact['fact'][] = ['ready', 'taken-as-up'];
const DOWN: readonly Fact['fact'][] = ['started', 'resting', 'restarting', 'saving', 'ended'];

/** What a fact about an upstream means for the way to it. */
export function hearFact(fact: Fact, gate: Gate): void {
  if (UP.includes(fact.fact)) gate.open();
  if (DOWN.includes(fact.fact)) gate.shut();
  if (fact.fact === 'ended') gate.renew();
  if (fact.fact === 'recycling') gate.quiet();
  if (fact.fact === 'not-woken') gate.refuse(fact.why);
}
