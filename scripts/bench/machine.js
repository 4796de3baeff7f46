// On what a figure was taken: without that it is worth nothing.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { root } from '../quietly.js';

export function machine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
  };
}

/** One line for people. */
export function describe({ date, cores, cpu, memoryGb, kernel, node, commit }) {
  const of = commit === undefined ? '' : `, commit ${commit}`;
  return `${date}, ${cores} cores (${cpu}), ${memoryGb} GB, Linux ${kernel}, Node ${node}${of}`;
}

/** versions: { name: version }; in one line. */
export function describeVersions(versions) {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

/** Of the supervisor that is measured; with a `+` where it is not as committed. Undefined outside a checkout. */
function commit() {
  const git = (...args) =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src', 'bin') === '' ? '' : '+');
  } catch {
    return undefined;
  }
}
