// The machine and the versions that a figure was measured on.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { root } from '../../scripts/quietly.js';

export type Versions = Record<string, string>;
export type Machine = {
  date: string;
  cores: number;
  cpu: string;
  memoryGb: number;
  kernel: string;
  node: string;
  commit?: string;
};

/** Debian's packages of a dyno with real programs. */
export const REAL_PARTS = { ruby: 'ruby', puma: 'puma', sidekiq: 'ruby-sidekiq', Redis: 'redis-server' };
export const REAL_RAILS = { Rails: 'ruby-rails' };

export function machine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    ...commit(),
  };
}

export function describeMachine({ date, cores, cpu, memoryGb, kernel, node, commit }: Machine): string {
  const suffix = commit === undefined ? '' : `, commit ${commit}`;
  return `${date}, ${cores} cores (${cpu}), ${memoryGb} GB, Linux ${kernel}, Node ${node}${suffix}`;
}

export function describeVersions(versions: Versions): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

/** `packages`: package by name. What was not installed by a package has no version here. */
export function packageVersions(packages: Record<string, string>): Versions {
  return Object.fromEntries(
    Object.entries(packages).flatMap(([name, packageName]) => {
      try {
        return [[name, packageVersion(packageName)]];
      } catch {
        return [];
      }
    }),
  );
}

/** The version of a Debian package. Throws when it is not installed, or this system is not Debian. */
export function packageVersion(name: string): string {
  return output('dpkg-query', '-W', '-f', '${Version}', name);
}

/** The commit of the supervisor under test, with a `+` if src/ or bin/ differ from it. Empty outside a checkout. */
function commit(): { commit?: string } {
  const git = (...args: string[]) => output('git', '-C', root, ...args).trim();
  try {
    const isClean = git('status', '--porcelain', '--', 'src', 'bin') === '';
    return { commit: git('rev-parse', '--short', 'HEAD') + (isClean ? '' : '+') };
  } catch {
    return {};
  }
}

function output(file: string, ...args: string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
