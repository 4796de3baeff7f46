// Debian's packages that the tests and the figures need. Elsewhere the same programs have to be on the PATH.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CannotRun, quietly, root } from './quietly.js';

const packages = [
  ...'ruby puma ruby-sidekiq redis-server ruby-rails ruby-pg bundler postgresql openssl util-linux procps'.split(' '),
  ...'imagemagick libvips-tools libjemalloc2 libfaketime nginx-light wrk chromium ruby-foreman'.split(' '),
];
const programs =
  'ruby puma sidekiq redis-server rails bundle postgres openssl setpriv ps convert vips nginx wrk chromium foreman'.split(
    ' ',
  );

/** Throws CannotRun, naming what is missing, where it may not install. */
export async function installPackages(wanted = packages) {
  if (!onPath('apt-get') || !onPath('dpkg-query')) return requirePrograms();
  const installed = installedPackages(wanted);
  const missing = wanted.filter((name) => !installed.includes(name));
  if (missing.length === 0) return;
  const byHand = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!isRoot() && !maySudo())
    throw new CannotRun(`packages are missing and this user may not install; run: sudo ${byHand}`);
  console.error(`Installing Debian's packages: ${missing.join(' ')}`);
  const install = ['sh', join(root, 'scripts/install-packages.sh'), ...missing];
  await quietly(isRoot() ? install : ['sudo', '-n', ...install], `packages could not be installed; by hand: ${byHand}`);
}

function requirePrograms() {
  const missing = programs.filter((name) => !onPath(name));
  if (missing.length === 0) return;
  const byHand = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  throw new CannotRun(`not on the PATH: ${missing.join(' ')}; on Debian or Ubuntu: ${byHand}`);
}

function installedPackages(wanted) {
  // Its status is 1 when it does not know a name; what it knows is printed all the same.
  const lines = output('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...wanted]).split('\n');
  return lines.filter((line) => line.startsWith('installed ')).map((line) => line.split(' ')[1]);
}

function output(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    return error.stdout ?? '';
  }
}

function isRoot() {
  return process.getuid() === 0;
}

function maySudo() {
  return onPath('sudo') && output('sudo', ['-n', 'id', '-u']).trim() === '0';
}

function onPath(program) {
  const folders = [...process.env.PATH.split(delimiter), '/usr/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}
