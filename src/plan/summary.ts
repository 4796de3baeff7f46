import { totalConnections } from './budget.ts';
import type { ChildSpec, Plan } from './spec.ts';

/** What would run, in one line for the boot log. */
export function summarize(plan: Plan): string {
  switch (plan.kind) {
    case 'nothing':
      return plan.reason;
    case 'release':
      return `release: ${plan.steps.map(({ name }) => name).join(', then ')}`;
    case 'serve': {
      const router = plan.router === null ? '' : 'router, ';
      const children = plan.children.map((child) => `${child.name}${startsLater(child)}${threads(child)}`);
      const stop = `${plan.stop.budgetMs / 1000} s to stop`;
      return `${plan.role}: ${router}${children.join(', ')}; ${stop}; ${counted(totalConnections(plan.children), 'database connection')}`;
    }
  }
}

/** `1 thread`, `5 threads`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

function startsLater({ start }: ChildSpec): string {
  if (start === 'at-once') return '';
  return 'onDemand' in start ? ' on demand' : ` once ${start.afterReady} is ready`;
}

function threads({ threads: count }: ChildSpec): string {
  return count === null ? '' : ` (${counted(count, 'thread')})`;
}
