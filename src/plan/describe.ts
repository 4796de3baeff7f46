import type { Queue } from '../config/queues.ts';
import { describeCommand, redact } from '../config/shell-words.ts';
import { describeDuration } from '../units.ts';
import { budgetWarnings } from './budget.ts';
import { describeBudget, describeNeeds } from './describe-budget.ts';
import type { ChildSpec, EnvironmentChange, Plan, RouterPlan, StopTimes, TuningVariable, Upstream } from './spec.ts';

type PlanOf<K extends Plan['kind']> = Extract<Plan, { kind: K }>;

/** The variable that src/process/node-host.ts adds to the environment of each child. */
const MARKER = 'MSTDN_SUPERVISE_RUN';

/** The plan as text for a person. */
export function describePlan(plan: Plan): string {
  const lines = [`${plan.role}:`, ...describeBody(plan), ...warningsOf(plan).map((warning) => `  warning: ${warning}`)];
  return `${lines.join('\n')}\n`;
}

/** The plan as data for JSON, with secrets redacted. */
export function planAsData(plan: Plan): unknown {
  const text = JSON.stringify({ ...plan, warnings: warningsOf(plan) }, (_, value: unknown) =>
    typeof value === 'string' ? redact(value) : value,
  );
  const data = JSON.parse(text) as object;
  return plan.kind === 'serve' ? { ...data, databaseConnections: plan.budget.database.max, marker: MARKER } : data;
}

/** With the warnings about the budget, which the boot log does not repeat at every start. */
function warningsOf(plan: Plan): readonly string[] {
  return plan.kind === 'serve' ? [...plan.warnings, ...budgetWarnings(plan.budget)] : plan.warnings;
}

function describeBody(plan: Plan): string[] {
  switch (plan.kind) {
    case 'nothing':
      return [`  ${plan.reason}`];
    case 'release':
      return describeRelease(plan);
    case 'serve':
      return describeServe(plan);
  }
}

function describeServe({ children, stop, memory, router, budget, notes }: PlanOf<'serve'>): string[] {
  return [
    ...notes.map((note) => `  ${note}`),
    ...(router === null ? [] : describeRouter(router)),
    ...children.flatMap(describeChild),
    `  ${describeStop(children, stop)}`,
    ...describeBudget(children, memory, budget),
    `  every child process gets ${MARKER} with a random id, which identifies its descendants`,
  ];
}

function describeChild(child: ChildSpec): string[] {
  const queues = child.queues?.map(describeQueue).join(', ') ?? 'those in config/sidekiq.yml';
  return [
    `  ${child.name}: ${describeCommand(child.command)}`,
    ...describeEnvironment(child.env, child.tuning),
    `    starts ${describeStart(child)}`,
    `    ready when ${describeReadiness(child)}`,
    ...(child.kind === 'sidekiq' ? [`    queues: ${queues}`] : []),
    `    ${describeNeeds(child)}`,
  ];
}

function describeRelease({ steps, stop, tuning }: PlanOf<'release'>): string[] {
  const { budgetMs, killAfterMs } = stop;
  return [
    ...steps.flatMap(({ name, command, env }) => [
      `  ${name}: ${describeCommand(command)}`,
      ...describeEnvironment(env, tuning),
    ]),
    '  in this order; the first failure ends the release with its exit code',
    `  stops within ${budgetMs / 1000} s: SIGTERM to the running step, SIGKILL after ${killAfterMs / 1000} s`,
  ];
}

/** The variables in `tuning` get a line each, with the reason. */
function describeEnvironment(env: EnvironmentChange, tuning: readonly TuningVariable[]): string[] {
  const changes = Object.entries(env)
    .filter(([name]) => tuning.every(({ variable }) => variable !== name))
    .map(([name, value]) => (value === null ? `no ${name}` : `${name}=${redact(value)}`));
  return [
    ...(changes.length === 0 ? [] : [`    environment: ${changes.join(' ')}`]),
    ...tuning.map(({ variable, value, reason }) => {
      return `    sets ${variable}=${redactWords(value)} unless you set it: ${reason}`;
    }),
  ];
}

/** Redacts each word by itself, because `redact` hides everything after a URL. */
function redactWords(value: string): string {
  return value.split(' ').map(redact).join(' ');
}

function describeReadiness({ ready }: ChildSpec): string {
  if (ready.kind === 'file') return `it touches tmp/${ready.name}`;
  const url = 'socket' in ready.at ? `unix:${ready.at.socket}` : `http://${hostAndPort(ready.at.host, ready.at.port)}`;
  const answers =
    ready.settleMs === 0 ? 'answers' : `has answered without a 5xx status for ${describeDuration(ready.settleMs)}`;
  return `${redact(url)}${ready.path} ${answers}`;
}

function describeQueue({ name, weight }: Queue): string {
  return weight === null ? name : `${name}*${weight}`;
}

function describeRouter({ port, bind, puma, streaming, maxConnections }: RouterPlan): string[] {
  const address = bind === null ? `port ${port} on all addresses` : redact(hostAndPort(bind, port));
  const toStreaming = streaming === null ? '' : `/api/v1/streaming -> ${describeUpstream(streaming)}, `;
  const toPuma = `${streaming === null ? 'everything' : 'everything else'} -> ${describeUpstream(puma)}`;
  return [
    `  the router listens on ${address}`,
    `    ${toStreaming}${toPuma}`,
    `    accepts up to ${maxConnections} client connections`,
  ];
}

function describeUpstream({ child, socket }: Upstream): string {
  return `${child} (unix:${socket})`;
}

/** `127.0.0.1:3000`, `[::1]:3000`. */
function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function describeStart({ start }: ChildSpec): string {
  if (start === 'at-once') return 'at once';
  if ('onDemand' in start) {
    return `with the first request, stops after ${describeDuration(start.onDemand.idleMs)} without a connection`;
  }
  return `when ${start.afterReady} is ready, after ${start.timeoutMs / 1000} s at the latest`;
}

function describeStop(children: readonly ChildSpec[], { budgetMs, killAfterMs }: StopTimes): string {
  const drains = children.map(({ name, drainMs }) => {
    if (drainMs === null) return '';
    return `; to ${name} once its requests in flight are done, after ${describeDuration(drainMs)} at the latest`;
  });
  return `stops within ${budgetMs / 1000} s: SIGTERM to all at once${drains.join('')}; SIGKILL after ${killAfterMs / 1000} s`;
}
