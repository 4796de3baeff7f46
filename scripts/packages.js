// Installs the Debian packages that the tests and benchmarks need. On other systems the same programs must be on the PATH.
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

/** Throws CannotRun with the missing packages if it must not install them. */
export async function installPackages(wanted = packages) {
  if (!onPath('apt-get') || !onPath('dpkg-query')) return requirePrograms();
  const installed = installedPackages(wanted);
  const missing = wanted.filter((name) => !installed.includes(name));
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!isRoot() && !maySudo())
    throw new CannotRun(`packages are missing and this user may not install; run: sudo ${command}`);
  console.error(`Installing Debian's packages: ${missing.join(' ')}`);
  const install = ['sh', join(root, 'scripts/install-packages.sh'), ...missing];
  await quietly(
    isRoot() ? install : ['sudo', '-n', ...install],
    `packages could not be installed; by hand: ${command}`,
  );
}

function requirePrograms() {
  const missing = programs.filter((name) => !onPath(name));
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  throw new CannotRun(`not on the PATH: ${missing.join(' ')}; on Debian or Ubuntu: ${command}`);
}

function installedPackages(wanted) {
  // Exits with 1 if it does not know a name, and prints the others.
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
