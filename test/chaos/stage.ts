import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signalIfAlive } from '../harness/processes.ts';

/** Where stories are played one after the other: a folder that is made anew for each, a pipe, and ports of its own. With a short
 * path: a TMPDIR of more than 54 bytes is too long for sockets, and the supervisor takes /tmp instead. */
export class Stage {
  readonly folder: string;
  readonly fifo: string;
  readonly #ports: number;
  #next = 0;

  constructor(theatre: string, number: number) {
    this.folder = join(theatre, `${number}`);
    this.fifo = join(theatre, `log-${number}`);
    execFileSync('mkfifo', [this.fifo]);
    // Where neither the kernel nor the other tests take ports from.
    this.#ports = 32_000 + PORTS_EACH * (number % STAGES_AT_MOST);
  }

  port(): number {
    this.#next = (this.#next + 1) % PORTS_EACH;
    return this.#ports + this.#next;
  }

  /** tmp: what the checkout's tmp/ is like. False where it could not be made so. */
  set(tmp: 'there' | 'missing' | 'full'): boolean {
    mkdirSync(join(this.folder, 'own'), { recursive: true });
    if (tmp === 'missing') return true;
    mkdirSync(join(this.folder, 'tmp'));
    return tmp !== 'full' || fill(join(this.folder, 'tmp'));
  }

  strike(): void {
    const tmp = join(this.folder, 'tmp');
    if (existsSync(join(tmp, FULL))) execFileSync('umount', ['--lazy', tmp]);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const STAGES_AT_MOST = 32;
const PORTS_EACH = 24;
const FULL = 'full';

/** A disk with room for its root and one file; where we may not mount, a folder that nobody but root may write. */
function fill(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,nr_inodes=2', 'chaos', folder], { stdio: 'ignore' });
  } catch {
    chmodSync(folder, 0o500);
    return false;
  }
  writeFileSync(join(folder, FULL), '');
  return true;
}

/** The folder of all stages, with a perl that is called ruby, since the guard goes by a program's name, and a copy of what is
 * played, so that nobody builds it anew meanwhile. */
export function openTheatre(root: string, more: readonly string[] = []): { folder: string; close: () => void } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mst-')));
  copyFileSync('/usr/bin/perl', join(folder, 'ruby'));
  for (const part of ['bin', 'dist', 'test/fixtures/chaos-child.pl', ...more]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  return { folder, close: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Who wants both cores while a story is played. */
export function startLoad(): () => void {
  const loops = [1, 2].map(() =>
    spawn('nice', ['-n', '5', 'perl', '-e', 'alarm 600; 1 while getppid() != 1'], { stdio: 'ignore' }),
  );
  return () => loops.forEach(({ pid }) => pid !== undefined && signalIfAlive(pid, 'SIGKILL'));
}
