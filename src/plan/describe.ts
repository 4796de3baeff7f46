import { totalConnections } from './budget.ts';
import { counted } from './in-short.ts';
import { redact } from './redact.ts';
import type { Queue } from './queues.ts';
import type { ChildSpec, EnvironmentChange, Plan, Readiness, ReleasePlan, ServePlan } from './spec.ts';
import { joinWords } from './words.ts';

/** The variable that the host adds (src/host/node-host.ts, which decides). */
const MARKER = 'MSTDN_SUPERVISE_RUN';

/** What would run, for a person. */
export function describePlan(plan: Plan): string {
  const lines = [`${plan.role}:`, ...body(plan), ...plan.warnings.map((warning) => `  warning: ${warning}`)];
  return `${lines.join('\n')}\n`;
}

/** What would run, as data; without what must not be printed. */
export function planAsData(plan: Plan): unknown {
  const text = JSON.stringify(plan, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value));
  const data = JSON.parse(text) as object;
  return plan.kind === 'serve'
    ? { ...data, databaseConnections: totalConnections(plan.children), marker: MARKER }
    : data;
}

function body(plan: Plan): string[] {
  switch (plan.kind) {
    case 'nothing':
      return [`  ${plan.reason}`];
    case 'release':
      return releaseBody(plan);
    case 'serve':
      return serveBody(plan);
  }
}

function serveBody(plan: ServePlan): string[] {
  const total = totalConnections(plan.children);
  const { budgetMs, killAfterMs } = plan.stop;
  return [
    ...plan.children.flatMap(describeChild),
    `  stops within ${budgetMs / 1000} s: TERM to all at the same time, KILL after ${killAfterMs / 1000} s`,
    `  database connections: ${total}, and ${2 * total} while an old and a new dyno overlap`,
    `  every child gets ${MARKER} with a random id, by which its descendants are known`,
  ];
}

function describeChild(child: ChildSpec): string[] {
  return [
    `  ${child.name}: ${joinWords(child.command.map(redact))}`,
    ...environment(child.env),
    `    starts ${child.start === 'at-once' ? 'at once' : `when ${child.start.afterReady} is ready, after ${child.start.atMostMs / 1000} s at the latest`}`,
    `    ready when ${readyWhen(child)}`,
    ...(child.kind === 'sidekiq'
      ? [
          `    queues: ${child.queues === null ? 'as config/sidekiq.yml says' : child.queues.map(describeQueue).join(', ')}`,
        ]
      : []),
    `    ${child.threads === null ? '' : `${counted(child.threads, 'thread')}, `}${counted(child.databaseConnections, 'database connection')}`,
  ];
}

function releaseBody(plan: ReleasePlan): string[] {
  const { budgetMs, killAfterMs } = plan.stop;
  return [
    ...plan.steps.flatMap(({ name, command, env }) => [
      `  ${name}: ${joinWords(command.map(redact))}`,
      ...environment(env),
    ]),
    '  in this order; the first failure ends the release with its exit code',
    `  stops within ${budgetMs / 1000} s: TERM to the step at work, KILL after ${killAfterMs / 1000} s`,
  ];
}

function environment(env: EnvironmentChange): string[] {
  const changes = Object.entries(env).map(([name, value]) =>
    value === null ? `no ${name}` : `${name}=${redact(value)}`,
  );
  return changes.length === 0 ? [] : [`    environment: ${changes.join(' ')}`];
}

function readyWhen({ ready }: ChildSpec): string {
  if (ready.by === 'file') return `it touches tmp/${ready.name}`;
  return `${redact(where(ready.at))}${ready.path} answers`;
}

function where(at: Extract<Readiness, { by: 'http' }>['at']): string {
  if ('socket' in at) return `unix:${at.socket}`;
  return `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`;
}

function describeQueue({ name, weight }: Queue): string {
  return weight === null ? name : `${name}*${weight}`;
}
