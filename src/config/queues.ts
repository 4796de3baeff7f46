import type { Parsed } from './parsers.ts';

export type Queue = { name: string; weight: number | null };
/** One sidekiq process. queues: null means all queues of config/sidekiq.yml. */
export type SidekiqProcess = { threads: number; queues: readonly Queue[] | null };

/** The queue of the recurring jobs. Exactly one sidekiq process of an instance may serve it. */
export const SCHEDULER = 'scheduler';

/** Parses `10 5:default*8,push`: THREADS[:queue[*weight][,…]] separated by spaces. */
export function parseProcesses(text: string | null): Parsed<readonly SidekiqProcess[] | null> {
  if (text === null || text.trim() === '') return { value: null };
  const processes = text.trim().split(/\s+/).map(parseProcess);
  if (processes.every((process) => process !== null)) return { value: processes };
  return { expected: 'THREADS[:queue[*weight][,queue…]] separated by spaces, as in "10 5:default"' };
}

function parseProcess(word: string): SidekiqProcess | null {
  const match = /^([1-9]\d{0,2})(?::(.+))?$/.exec(word);
  if (!match) return null;
  const threads = Number(match[1]);
  if (match[2] === undefined) return { threads, queues: null };
  const queues = match[2].split(',').map(parseQueue);
  return queues.every((queue) => queue !== null) ? { threads, queues } : null;
}

function parseQueue(word: string): Queue | null {
  const match = /^([\w.-]+)(?:\*([1-9]\d{0,2}))?$/.exec(word);
  return match?.[1] === undefined ? null : { name: match[1], weight: match[2] === undefined ? null : Number(match[2]) };
}

/** Reads the `:queues:` list of config/sidekiq.yml: items `- name` or `- [name, weight]`, in any spelling that
 * Sidekiq's documentation uses. The file is ERB and YAML. Returns null if the list contains anything else, or if an
 * environment has a list of its own, which would replace this one. */
export function readSidekiqYml(text: string): readonly Queue[] | null {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, ''));
  const start = lines.findIndex((line) => /^:?queues:\s*$/.test(line));
  if (start < 0 || lines.filter((line) => /^\s*:?queues:/.test(line)).length > 1) return null;
  const queues: Queue[] = [];
  for (const line of lines.slice(start + 1)) {
    if (line.trim() === '') continue;
    if (!/^\s*-/.test(line)) return /^[^\s<]/.test(line) && queues.length > 0 ? queues : null;
    const queue = yamlQueue(line);
    if (queue === null) return null;
    queues.push(queue);
  }
  return queues.length > 0 ? queues : null;
}

const QUOTED = `["']?([\\w.-]+)["']?`;
const ITEM = new RegExp(`^\\s*-\\s+${QUOTED}\\s*$`);
const WEIGHTED_ITEM = new RegExp(`^\\s*-\\s+\\[\\s*${QUOTED}\\s*(?:,\\s*(\\d+)\\s*)?\\]\\s*$`);

function yamlQueue(line: string): Queue | null {
  const [, name, weight] = ITEM.exec(line) ?? WEIGHTED_ITEM.exec(line) ?? [];
  return name === undefined ? null : { name, weight: weight === undefined ? null : Number(weight) };
}

/** The `-q` arguments for sidekiq. Without any weights, sidekiq serves the queues in strict order. */
export function queueArguments(queues: readonly Queue[] | null): string[] {
  return (queues ?? []).flatMap(({ name, weight }) => ['-q', weight === null ? name : `${name},${weight}`]);
}

/** Adds the weights of config/sidekiq.yml to several queues of which none has a weight. */
export function withWeights(queues: readonly Queue[], known: readonly Queue[]): readonly Queue[] {
  if (queues.length < 2 || queues.some(({ weight }) => weight !== null)) return queues;
  return queues.map((queue) => known.find(({ name }) => name === queue.name) ?? queue);
}
