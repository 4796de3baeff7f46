import type { Queue } from '../config/queues.ts';
import { redact } from '../config/redact.ts';
import { joinWords } from '../config/shell-words.ts';
import { describeDuration } from '../units.ts';
import { megabytes } from '../units.ts';
import { atRest, budgetWarnings, isOnDemand } from './budget.ts';
import type {
  Budget,
  ChildSpec,
  Connections,
  EnvironmentChange,
  MemoryPlan,
  Plan,
  RouterPlan,
  StopTimes,
  TuningVariable,
  Upstream,
} from './spec.ts';
import { counted } from './summary.ts';

/** The variable that the host adds (src/process/node-host.ts, which decides). */
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
    ...environment(child.env, child.tuning),
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
      ...environment(env, plan.tuning),
    ]),
    '  in this order; the first failure ends the release with its exit code',
    `  stops within ${budgetMs / 1000} s: TERM to the step at work, KILL after ${killAfterMs / 1000} s`,
  ];
}

/** What is in `tuning` gets lines of its own. */
function environment(env: EnvironmentChange, tuning: readonly TuningVariable[]): string[] {
  const changes = Object.entries(env)
    .filter(([name]) => tuning.every(({ variable }) => variable !== name))
    .map(([name, value]) => (value === null ? `no ${name}` : `${name}=${redact(value)}`));
  return [
    ...(changes.length === 0 ? [] : [`    environment: ${changes.join(' ')}`]),
    ...tuning.map(({ variable, value, why }) => `    sets ${variable}=${hidden(value)} unless you do: ${why}`),
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

/** What a child needs, in a line. */
export function needs({ threads, databaseConnections, redisConnections, memory }: ChildSpec): string {
  return [
    ...(threads === null ? [] : [counted(threads, 'thread')]),
    counted(databaseConnections, 'database connection'),
    counted(redisConnections, 'Redis connection'),
    megabytes(memory.expectedBytes),
  ].join(', ');
}

/** What all of a dyno needs against what there is, and what is done about memory. */
export function describeBudget(children: readonly ChildSpec[], memory: MemoryPlan, budget: Budget): string[] {
  const { database, redis } = budget;
  const onDemand = children.filter(isOnDemand);
  return [
    `  memory: ${describeMemory(children, budget.memory, memory.quota)}`,
    ...describeGuard(memory, onDemand),
    `  database connections: ${describeConnections(database, onDemand, 'databaseConnections')} (SUPERVISE_DB_CONNECTIONS)`,
    `  Redis connections: ${describeConnections(redis, onDemand, 'redisConnections')} (SUPERVISE_REDIS_CONNECTIONS)`,
  ];
}

function describeMemory(children: readonly ChildSpec[], needed: Budget['memory'], quota: MemoryPlan['quota']): string {
  const parts = children.map((child) => `${child.name} ${megabytes(child.memory.expectedBytes)}${whenWanted(child)}`);
  const all = [...parts, `ourselves ${megabytes(needed.ownBytes)}`].join(', ');
  const sum = `${megabytes(needed.expectedBytes)} expected${needed.restingBytes === null ? '' : ' at most'} (${all})`;
  const against = quota === null ? ', no quota known' : ` of ${megabytes(quota.bytes)} (${quota.source})`;
  return `${sum}${against}${atRest(needed.restingBytes)}`;
}

function describeGuard({ quota, guard }: MemoryPlan, onDemand: readonly ChildSpec[]): string[] {
  if (quota === null) return [];
  if (guard === 'off') return ['  memory guard: off'];
  const { warn, act: relieve, emergency: save, kill } = quota.thresholds;
  const names = onDemand.map(({ name }) => name).join(', ');
  const acts = [
    `warns at ${megabytes(warn)}`,
    `${guard === 'warn' ? 'would relieve' : 'relieves'} at ${megabytes(relieve)}`,
    ...(guard === 'on' && names !== '' ? [`does not start ${names} above that`] : []),
    `saves the dyno at ${megabytes(save)}`,
    `before the platform ends it at ${megabytes(kill)}`,
  ];
  return [`  memory guard: ${acts.join(', ')}`];
}

function describeConnections(
  { most, overlap, limit }: Connections,
  onDemand: readonly ChildSpec[],
  of: 'databaseConnections' | 'redisConnections',
): string {
  const wanted = onDemand.map((child) => `, ${child[of]} of them while ${child.name} is wanted`).join('');
  return `${most}${wanted}, and ${overlap} while an old and a new dyno overlap, of ${limit}`;
}

function whenWanted(child: ChildSpec): string {
  return isOnDemand(child) ? ' while it is wanted' : '';
}

/** Who listens where, and who gets what. */
export function describeRoutes({ port, bind, puma, streaming, maxConnections }: RouterPlan): string[] {
  const at = bind === null ? `port ${port} of every address` : redact(address(bind, port));
  const toStreaming = streaming === null ? '' : `/api/v1/streaming -> ${upstream(streaming)}, `;
  const toPuma = `${streaming === null ? 'everything' : 'everything else'} -> ${upstream(puma)}`;
  return [
    `  the router listens on ${at}`,
    `    ${toStreaming}${toPuma}`,
    `    takes up to ${maxConnections} client connections at the same time`,
  ];
}

/** `127.0.0.1:3000`, `[::1]:3000`. */
export function address(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function startsWhen({ start }: ChildSpec): string {
  if (start === 'at-once') return 'at once';
  if ('onDemand' in start) {
    const idle = describeDuration(start.onDemand.idleMs);
    return `with the first request for it, stops when no connection to it was open for ${idle}`;
  }
  return `when ${start.afterReady} is ready, after ${start.atMostMs / 1000} s at the latest`;
}

export function stopsHow(children: readonly ChildSpec[], { budgetMs, killAfterMs }: StopTimes): string {
  const later = children.map(({ name, drainMs }) => {
    if (drainMs === null) return '';
    return ` to ${name} when its requests in flight are answered, after ${describeDuration(drainMs)} at the latest;`;
  });
  const term = `TERM to all at the same time,${later.join('')}`;
  return `stops within ${budgetMs / 1000} s: ${term} KILL after ${killAfterMs / 1000} s`;
}

function upstream({ child, socket }: Upstream): string {
  return `${child} (unix:${socket})`;
}
