import { totalConnections } from './budget.ts';
import type { ChildSpec, Plan } from './spec.ts';

/** One line for the boot log: what runs. This file is loaded at every start and stays small. */
export function summarize(plan: Plan): string {
  switch (plan.kind) {
    case 'nothing':
      return plan.reason;
    case 'release':
      return `release: ${plan.steps.map(({ name }) => name).join(', then ')}`;
    case 'serve': {
      const router = plan.router === null ? '' : 'router, ';
      const children = plan.children.map((child) => `${child.name}${describeStart(child)}${describeThreads(child)}`);
      const stop = `${plan.stop.budgetMs / 1000} s to stop`;
      return `${plan.role}: ${router}${children.join(', ')}; ${stop}; ${counted(totalConnections(plan.children), 'database connection')}`;
    }
  }
}

/** `1 thread`, `5 threads`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function describeStart({ start }: ChildSpec): string {
  if (start === 'at-once') return '';
  return 'onDemand' in start ? ' on demand' : ` once ${start.afterReady} is ready`;
}

function describeThreads({ threads }: ChildSpec): string {
  return threads === null ? '' : ` (${counted(threads, 'thread')})`;
}
