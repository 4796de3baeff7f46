// On what a figure was taken: without that it is worth nothing.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

export function machine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: execFileSync(process.env.NODE ?? process.execPath, ['--version'], { encoding: 'utf8' }).trim(),
    peersNode: process.version,
  };
}

/** One line for people. */
export function describe({ date, cores, cpu, memoryGb, kernel, node, peersNode }) {
  const nodes = node === peersNode ? `Node ${node}` : `Node ${node}, the other supervisors on Node ${peersNode}`;
  return `${date}, ${cores} cores (${cpu}), ${memoryGb} GB, Linux ${kernel}, ${nodes}`;
}

/** versions: { name: version }; in one line. */
export function describeVersions(versions) {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}
