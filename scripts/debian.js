// npm run test:debian -- SUITE [vitest arguments]: runs npm test of the last commit on another Debian release, in a chroot.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { installPackages } from './packages.js';
import { CannotRun, root } from './quietly.js';

const USAGE = `Usage: npm run test:debian -- SUITE [vitest arguments]

Runs npm test of the last commit in a chroot of that Debian release: trixie is Debian 13. Needs root and Linux.
debootstrap makes the chroot in .cache/debian/SUITE; later runs use it again. Delete that folder to start afresh.

Environment:
  DEBIAN_MIRROR   where packages come from; default http://deb.debian.org/debian

Example: npm run test:debian -- trixie --project real test/real/title.test.ts`;
const MIRROR = 'http://deb.debian.org/debian';

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm run test:debian: ${error.message}`);
  process.exitCode = 1;
}

async function main([suite, ...vitestArguments]) {
  if (suite === '--help' || suite === '-h') {
    console.log(USAGE);
    return 0;
  }
  if (!/^[a-z]+$/.test(suite ?? '')) {
    console.error(`SUITE ${suite || 'is missing'}: expected the code name of a Debian release, such as trixie`);
    return 64;
  }
  if (process.getuid() !== 0) throw new CannotRun('making a chroot needs root; run it with sudo');
  await installPackages(['debootstrap', 'debian-archive-keyring', 'git', 'util-linux']);
  return runInChroot(suite, vitestArguments);
}

/** All mounts and processes are in separate namespaces. The kernel removes both when this process exits, even by SIGKILL, so that a
 * later `rm -r` of the chroot cannot follow a mount into the /dev of this machine. */
function runInChroot(suite, vitestArguments) {
  const killedWithParent = ['setpriv', '--pdeathsig=KILL', '--'];
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
  const script = ['sh', join(root, 'scripts/debian-chroot.sh'), suite, ...vitestArguments];
  const [file, ...args] = [...killedWithParent, ...namespaces, ...script];
  const env = { ...process.env, DEBIAN_MIRROR: process.env.DEBIAN_MIRROR ?? MIRROR };
  const child = spawn(file, args, { cwd: root, env, stdio: 'inherit' });
  // Ctrl-C sends SIGINT to vitest in the chroot as well. unshare blocks SIGTERM.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
