// The supervisors that are compared, and how each is told to run `first` once and `other` count - 1 times.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/quietly.js';
import { SUPERVISOR } from '../dyno/dyno.ts';
import { packageVersion } from '../report/machine.ts';

/** The commands of the children, each one line of plain words. `folder`: the working directory, for files that a peer needs. */
export type PeerSetup = { folder: string; first: string; other: string; count: number };
export type PeerCommand = { command: readonly string[]; env?: NodeJS.ProcessEnv };
/** `stopsWithChild`: the exit of a child is meant to stop the rest. The other peers restart the child. */
export type Peer = {
  name: string;
  kind: 'interpreted' | 'compiled' | 'no supervisor';
  stopsWithChild: boolean;
  version: () => string;
  commandLine: (setup: PeerSetup) => PeerCommand;
};

/** Where the peers from npm are installed. */
export const PEERS_FOLDER = join(root, '.cache/peers');
export const MODULES = join(PEERS_FOLDER, 'node_modules');

const BARE_NODE_SCRIPT = fileURLToPath(new URL('bare-node.cjs', import.meta.url));

const INTERPRETED = { kind: 'interpreted', stopsWithChild: true } as const;
const COMPILED = { kind: 'compiled', stopsWithChild: true } as const;
const RESTARTS = { stopsWithChild: false } as const;

export const PEERS: readonly Peer[] = [
  { name: 'mstdn-supervise', ...INTERPRETED, version: () => manifestVersion(root), commandLine: mstdnSupervise },
  { name: 'shell line', ...COMPILED, version: () => `bash ${packageVersion('bash')}`, commandLine: shellLine },
  { name: 'ruby-foreman', ...INTERPRETED, version: () => packageVersion('ruby-foreman'), commandLine: rubyForeman },
  { name: 'node-foreman', ...INTERPRETED, version: () => moduleVersion('foreman'), commandLine: nodeForeman },
  { name: 'concurrently', ...INTERPRETED, version: () => moduleVersion('concurrently'), commandLine: concurrently },
  { name: 'pm2-runtime', ...INTERPRETED, ...RESTARTS, version: () => moduleVersion('pm2'), commandLine: pm2 },
  {
    name: 'run-p',
    ...INTERPRETED,
    version: () => `npm-run-all2 ${moduleVersion('npm-run-all2')}`,
    commandLine: runP,
  },
  {
    name: 'supervisord',
    ...INTERPRETED,
    ...RESTARTS,
    version: () => packageVersion('supervisor'),
    commandLine: supervisord,
  },
  { name: 's6', ...COMPILED, ...RESTARTS, version: () => packageVersion('s6'), commandLine: s6 },
  { name: 'runit', ...COMPILED, ...RESTARTS, version: () => packageVersion('runit'), commandLine: runit },
  { name: 'tini', ...COMPILED, version: () => packageVersion('tini'), commandLine: tini },
];

/** What Node itself costs: a script that only starts the children. */
export const BARE_NODE: Peer = {
  name: 'bare node',
  kind: 'no supervisor',
  stopsWithChild: false,
  version: () => process.version,
  commandLine: (setup) => ({ command: [process.execPath, BARE_NODE_SCRIPT, ...commands(setup)] }),
};

/** A note for every table of stops. */
export const MAIN_PROCESS_NOTE = `s6-svscan and runsvdir are the main process here and get the TERM. They are not made for that: an image's init script
would stop them, and runsvdir expects HUP.`;

function mstdnSupervise({ first, other, count }: PeerSetup): PeerCommand {
  return {
    command: SUPERVISOR.command,
    env: {
      PUMA_COMMAND: first,
      ...(count > 1 ? { RUN_WORKER: 'true', SIDEKIQ_COMMAND: other } : {}),
      ...(count > 2 ? { SIDEKIQ_PROCESSES: '1 '.repeat(count - 1).trim() } : {}),
      SUPERVISE_START_TIMEOUT: '0', // No peer waits for puma.
    },
  };
}

/** As published, including the trap of its .profile, with these commands. */
function shellLine(setup: PeerSetup): PeerCommand {
  return { command: ['bash', '-c', `trap '' SIGTERM\n${backgroundAll(setup)}`] };
}

function rubyForeman(setup: PeerSetup): PeerCommand {
  writeFileSync(join(setup.folder, 'Procfile'), procfile(setup));
  return { command: ['foreman', 'start'] };
}

function nodeForeman(setup: PeerSetup): PeerCommand {
  writeFileSync(join(setup.folder, 'Procfile'), procfile(setup));
  return { command: [process.execPath, join(MODULES, 'foreman/nf.js'), 'start'] };
}

/** Without --kill-others it lets the rest run when a child exits. */
function concurrently(setup: PeerSetup): PeerCommand {
  const bin = join(MODULES, 'concurrently/dist/bin/index.js');
  return { command: [process.execPath, bin, '--kill-others', ...commands(setup)] };
}

function pm2(setup: PeerSetup): PeerCommand {
  const apps = commands(setup).map((command, index) => {
    const [script, ...args] = command.split(' ');
    return { name: `c${index}`, script, args, interpreter: 'none', cwd: setup.folder };
  });
  writeFileSync(join(setup.folder, 'ecosystem.json'), JSON.stringify({ apps }));
  const command = [process.execPath, join(MODULES, 'pm2/bin/pm2-runtime'), 'start', 'ecosystem.json'];
  return { command, env: { PM2_HOME: join(setup.folder, 'pm2') } };
}

function runP(setup: PeerSetup): PeerCommand {
  const scripts = Object.fromEntries(commands(setup).map((command, index) => [`c${index}`, command]));
  writeFileSync(join(setup.folder, 'package.json'), JSON.stringify({ scripts }));
  const bin = join(MODULES, 'npm-run-all2/bin/run-p/index.js');
  return { command: [process.execPath, bin, ...Object.keys(scripts)] };
}

function supervisord(setup: PeerSetup): PeerCommand {
  const programs = commands(setup).map(
    (command, index) => `[program:c${index}]
command=${command}
redirect_stderr=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0`,
  );
  const own = '[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=pid';
  writeFileSync(join(setup.folder, 'supervisord.conf'), [own, ...programs].join('\n\n'));
  return { command: ['supervisord', '-c', 'supervisord.conf'] };
}

function s6(setup: PeerSetup): PeerCommand {
  return { command: ['s6-svscan', services(setup)] };
}

function runit(setup: PeerSetup): PeerCommand {
  return { command: ['runsvdir', '-P', services(setup)] };
}

/** tini runs one command, usually a shell line. With -g its signals reach every process of that. */
function tini(setup: PeerSetup): PeerCommand {
  return { command: ['tini', '-s', '-g', '--', 'bash', '-c', backgroundAll(setup)] };
}

function commands({ first, other, count }: PeerSetup): string[] {
  return [first, ...Array.from({ length: count - 1 }, () => other)];
}

function backgroundAll(setup: PeerSetup): string {
  return `${commands(setup).join(' & ')} & wait -n; kill -SIGTERM -$$; wait`;
}

function procfile(setup: PeerSetup): string {
  return commands(setup)
    .map((command, index) => `c${index}: ${command}\n`)
    .join('');
}

/** One folder for each service, which s6 and runit both can read. */
function services(setup: PeerSetup): string {
  for (const [index, command] of commands(setup).entries()) {
    const service = join(setup.folder, 'services', `c${index}`);
    mkdirSync(service, { recursive: true });
    writeFileSync(join(service, 'run'), `#!/bin/sh\nexec ${command}\n`, { mode: 0o755 });
  }
  return join(setup.folder, 'services');
}

function moduleVersion(name: string): string {
  return manifestVersion(join(MODULES, name));
}

function manifestVersion(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}
