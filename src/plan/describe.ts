import { describeDuration } from '../duration.ts';
import { budgetWarnings } from './budget.ts';
import { describeBudget, needs } from './describe-budget.ts';
import { address, describeRoutes, startsWhen, stopsHow } from './describe-routes.ts';
import { redact } from './redact.ts';
import type { Queue } from './queues.ts';
import type { ChildSpec, EnvironmentChange, Plan, Thrift } from './spec.ts';
import { joinWords } from './words.ts';

/** The variable that the host adds (src/host/node-host.ts, which decides). */
const MARKER = 'MSTDN_SUPERVISE_RUN';

/** What would run, for a person. */
export function describePlan(plan: Plan): string {
  const lines = [`${plan.role}:`, ...body(plan), ...warningsOf(plan).map((warning) => `  warning: ${warning}`)];
  return `${lines.join('\n')}\n`;
}

/** What would run, as data; without what must not be printed. */
export function planAsData(plan: Plan): unknown {
  const text = JSON.stringify({ ...plan, warnings: warningsOf(plan) }, (_, value: unknown) =>
    typeof value === 'string' ? redact(value) : value,
  );
  const data = JSON.parse(text) as object;
  return plan.kind === 'serve' ? { ...data, databaseConnections: plan.budget.database.most, marker: MARKER } : data;
}

/** Here what may not be enough is said as well; a boot log has no need to say it every day. */
function warningsOf(plan: Plan): readonly string[] {
  return plan.kind === 'serve' ? [...plan.warnings, ...budgetWarnings(plan.budget)] : plan.warnings;
}

type ServePlan = Extract<Plan, { kind: 'serve' }>;
type ReleasePlan = Extract<Plan, { kind: 'release' }>;

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

function serveBody({ children, stop, memory, router, budget, notes }: ServePlan): string[] {
  return [
    ...notes.map((note) => `  ${note}`),
    ...(router === null ? [] : describeRoutes(router)),
    ...children.flatMap(describeChild),
    `  ${stopsHow(children, stop)}`,
    ...describeBudget(children, memory, budget),
    `  every child gets ${MARKER} with a random id, by which its descendants are known`,
  ];
}

function describeChild(child: ChildSpec): string[] {
  return [
    `  ${child.name}: ${joinWords(child.command.map(redact))}`,
    ...environment(child.env, child.thrift),
    `    starts ${startsWhen(child)}`,
    `    ready when ${readyWhen(child)}`,
    ...(child.kind === 'sidekiq'
      ? [
          `    queues: ${child.queues === null ? 'as config/sidekiq.yml says' : child.queues.map(describeQueue).join(', ')}`,
        ]
      : []),
    `    ${needs(child)}`,
  ];
}

function releaseBody(plan: ReleasePlan): string[] {
  const { budgetMs, killAfterMs } = plan.stop;
  return [
    ...plan.steps.flatMap(({ name, command, env }) => [
      `  ${name}: ${joinWords(command.map(redact))}`,
      ...environment(env, plan.thrift),
    ]),
    '  in this order; the first failure ends the release with its exit code',
    `  stops within ${budgetMs / 1000} s: TERM to the step at work, KILL after ${killAfterMs / 1000} s`,
  ];
}

/** What is in `thrift` gets lines of its own. */
function environment(env: EnvironmentChange, thrift: readonly Thrift[]): string[] {
  const changes = Object.entries(env)
    .filter(([name]) => thrift.every(({ variable }) => variable !== name))
    .map(([name, value]) => (value === null ? `no ${name}` : `${name}=${redact(value)}`));
  return [
    ...(changes.length === 0 ? [] : [`    environment: ${changes.join(' ')}`]),
    ...thrift.map(({ variable, value, why }) => `    sets ${variable}=${hidden(value)} unless you do: ${why}`),
  ];
}

/** Word by word: what follows an address is hidden with it. */
function hidden(value: string): string {
  return value.split(' ').map(redact).join(' ');
}

function readyWhen({ ready }: ChildSpec): string {
  if (ready.by === 'file') return `it touches tmp/${ready.name}`;
  const where = 'socket' in ready.at ? `unix:${ready.at.socket}` : `http://${address(ready.at.host, ready.at.port)}`;
  const answers =
    ready.settleMs === 0 ? 'answers' : `has answered without a 5xx status for ${describeDuration(ready.settleMs)}`;
  return `${redact(where)}${ready.path} ${answers}`;
}

function describeQueue({ name, weight }: Queue): string {
  return weight === null ? name : `${name}*${weight}`;
}
