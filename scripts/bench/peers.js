// What people run several processes in one dyno with: how each is told to run `first` once and `other` count - 1 times.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../quietly.js';
import { debianVersion } from './debian.js';
import { MODULES } from './install.js';

/**
 * kind: what it is written in. ends: whether the end of a child is meant to end the rest, too; the others start it again.
 * line: from { folder, first, other, count }, the two commands as one line of plain words each, to its command and variables;
 * writes what files it needs into the folder, which is its working directory.
 */
export const PEERS = [
  { name: 'mstdn-supervise', kind: 'interpreted', ends: true, version: () => manifest(root), line: ours },
  { name: 'shell line', kind: 'compiled', ends: true, version: () => `bash ${debianVersion('bash')}`, line: shellLine },
  {
    name: 'ruby-foreman',
    kind: 'interpreted',
    ends: true,
    version: () => debianVersion('ruby-foreman'),
    line: rubyForeman,
  },
  { name: 'node-foreman', kind: 'interpreted', ends: true, version: () => npm('foreman'), line: nodeForeman },
  { name: 'concurrently', kind: 'interpreted', ends: true, version: () => npm('concurrently'), line: concurrently },
  { name: 'pm2-runtime', kind: 'interpreted', ends: false, version: () => npm('pm2'), line: pm2 },
  { name: 'run-p', kind: 'interpreted', ends: true, version: () => `npm-run-all2 ${npm('npm-run-all2')}`, line: runP },
  {
    name: 'supervisord',
    kind: 'interpreted',
    ends: false,
    version: () => debianVersion('supervisor'),
    line: supervisord,
  },
  { name: 's6', kind: 'compiled', ends: false, version: () => debianVersion('s6'), line: s6 },
  { name: 'runit', kind: 'compiled', ends: false, version: () => debianVersion('runit'), line: runit },
  { name: 'tini', kind: 'compiled', ends: true, version: () => debianVersion('tini'), line: tini },
];

/** What a table of stops owes two of them. */
export const ASKED_OTHERWISE = `s6-svscan and runsvdir are here the main process that gets the TERM, which they are not made for: an image's init
script would have them stop in good order, and runsvdir's own way to be asked is HUP.`;

function ours({ first, other, count }) {
  return {
    command: [process.execPath, join(root, 'bin/mstdn-supervise.js'), 'web'],
    env: {
      PUMA_COMMAND: first,
      ...(count > 1 ? { RUN_WORKER: 'true', SIDEKIQ_COMMAND: other } : {}),
      ...(count > 2
        ? {
            SIDEKIQ_PROCESSES: Array(count - 1)
              .fill('1')
              .join(' '),
          }
        : {}),
      SUPERVISE_START_TIMEOUT: '0', // The others do not wait for puma.
    },
  };
}

/** As published, the trap of its .profile included, with these commands. */
function shellLine(setup) {
  return { command: ['bash', '-c', `trap '' SIGTERM\n${backgroundAll(setup)}`] };
}

function rubyForeman(setup) {
  writeFileSync(join(setup.folder, 'Procfile'), procfile(setup));
  return { command: ['foreman', 'start'] };
}

function nodeForeman(setup) {
  writeFileSync(join(setup.folder, 'Procfile'), procfile(setup));
  return { command: [process.execPath, join(MODULES, 'foreman/nf.js'), 'start'] };
}

/** --kill-others, or it would let the rest run when one ends. */
function concurrently(setup) {
  const bin = join(MODULES, 'concurrently/dist/bin/index.js');
  return { command: [process.execPath, bin, '--kill-others', ...commands(setup)] };
}

function pm2({ folder, ...setup }) {
  const apps = commands(setup).map((command, index) => {
    const [script, ...args] = command.split(' ');
    return { name: `c${index}`, script, args, interpreter: 'none', cwd: folder };
  });
  writeFileSync(join(folder, 'ecosystem.json'), JSON.stringify({ apps }));
  const command = [process.execPath, join(MODULES, 'pm2/bin/pm2-runtime'), 'start', 'ecosystem.json'];
  return { command, env: { PM2_HOME: join(folder, 'pm2') } };
}

function runP({ folder, ...setup }) {
  const scripts = Object.fromEntries(commands(setup).map((command, index) => [`c${index}`, command]));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts }));
  const bin = join(MODULES, 'npm-run-all2/bin/run-p/index.js');
  return { command: [process.execPath, bin, ...Object.keys(scripts)] };
}

function supervisord({ folder, ...setup }) {
  const programs = commands(setup).map(
    (command, index) => `[program:c${index}]
command=${command}
redirect_stderr=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0`,
  );
  const own = '[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=pid';
  writeFileSync(join(folder, 'supervisord.conf'), [own, ...programs].join('\n\n'));
  return { command: ['supervisord', '-c', 'supervisord.conf'] };
}

function s6(setup) {
  return { command: ['s6-svscan', services(setup)] };
}

function runit(setup) {
  return { command: ['runsvdir', '-P', services(setup)] };
}

/** It runs one command; this is what people put behind it. The signals of -g reach all of it. */
function tini(setup) {
  return { command: ['tini', '-s', '-g', '--', 'bash', '-c', backgroundAll(setup)] };
}

function commands({ first, other, count }) {
  return [first, ...Array(count - 1).fill(other)];
}

function backgroundAll(setup) {
  return `${commands(setup).join(' & ')} & wait -n; kill -SIGTERM -$$; wait`;
}

function procfile(setup) {
  return commands(setup)
    .map((command, index) => `c${index}: ${command}\n`)
    .join('');
}

/** One folder a service, as s6 and runit both read it. */
function services({ folder, ...setup }) {
  for (const [index, command] of commands(setup).entries()) {
    const service = join(folder, 'services', `c${index}`);
    mkdirSync(service, { recursive: true });
    writeFileSync(join(service, 'run'), `#!/bin/sh\nexec ${command}\n`, { mode: 0o755 });
  }
  return join(folder, 'services');
}

function npm(name) {
  return manifest(join(MODULES, name));
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}
