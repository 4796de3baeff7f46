// One peer with its children, started as a platform starts a dyno: a session of its own, its output a pipe that somebody reads.
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { atEnd, temporaryFolder } from '../memory/ending.js';
import { MARKER, ofDyno } from '../memory/processes.js';

/** What a child is, unless told otherwise. */
export const CHILD = `perl ${fileURLToPath(new URL('child.pl', import.meta.url))}`;
const LOOK_MS = 5;

/** Milliseconds on the clock that the children write down. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

export class Run {
  #marker = randomUUID();
  #known = new Map();
  #forget;
  #isOver = false;

  /** first and other: the options of `program`, or where `commands` is true whole commands; count: of all children. */
  constructor(peer, { count = 3, first = '', other = first, program = CHILD, commands = false, env = {} } = {}) {
    this.folder = temporaryFolder();
    this.ledger = join(this.folder, 'ledger');
    const command = (options) => (commands ? options : `${program} ledger=${this.ledger} ${options}`.trim());
    const setup = { folder: this.folder, first: command(first), other: command(other), count };
    const line = peer.line(setup);
    const output = this.#startReader();
    const { PATH, HOME } = process.env;
    this.startedMs = now();
    this.child = spawn(line.command[0], line.command.slice(1), {
      cwd: this.folder,
      env: { PATH, HOME, LANG: 'C.UTF-8', ...line.env, ...env, [MARKER]: this.#marker },
      stdio: ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    this.ended = once(this.child, 'exit').then(([code, signal]) => ({ code, signal, atMs: now() }));
    this.#forget = atEnd(() => this.obliterate());
  }

  /** The lines of the ledger that say `what`: pid and milliseconds. */
  noted(what) {
    if (!existsSync(this.ledger)) return [];
    const lines = readFileSync(this.ledger, 'utf8').split('\n').slice(0, -1);
    return lines
      .map((line) => line.split(' '))
      .flatMap(([is, pid, ms]) => (is === what ? [{ pid: +pid, atMs: +ms }] : []));
  }

  /** Resolves with them once there are `count`; with what there is after `atMostMs`. */
  async untilNoted(what, count, atMostMs = 30_000) {
    for (const end = now() + atMostMs; this.noted(what).length < count && now() < end;) await pause(LOOK_MS);
    return this.noted(what);
  }

  /** Its end, or null when it has not come after so long. */
  async endWithin(ms) {
    return Promise.race([this.ended, pause(ms, null, { ref: false })]);
  }

  /** All living processes of it, its own and the children. */
  look() {
    return ofDyno(this.child.pid, this.#marker, this.#known);
  }

  /** A signal to all of its processes, as Heroku does it. */
  broadcast(signal, pids = this.look()) {
    for (const pid of pids) send(pid, signal);
  }

  /** What it has printed until now. */
  get output() {
    return readFileSync(join(this.folder, 'output'), 'utf8');
  }

  /** The reader of its output: SIGSTOP and SIGCONT stall it and let it go on. */
  get reader() {
    return this.readerProcess.pid;
  }

  /** SIGKILL for all that is left. Only once: the pids are somebody else's later. */
  obliterate() {
    if (this.#isOver) return;
    this.#isOver = true;
    for (let left = this.look(), rounds = 0; left.length > 0 && rounds < 200; left = this.look(), rounds += 1) {
      for (const pid of left) send(pid, 'SIGKILL');
    }
    send(this.readerProcess.pid, 'SIGKILL');
  }

  /** The same, and its folder goes as well: for those who start hundreds. */
  discard() {
    this.obliterate();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    this.#forget();
  }

  /** A fifo, because what Node calls a pipe is a socket. */
  #startReader() {
    const fifo = join(this.folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const into = openSync(join(this.folder, 'output'), 'w');
    this.readerProcess = spawn('cat', [fifo], { stdio: ['ignore', into, 'ignore'] });
    closeSync(into);
    return openSync(fifo, 'w'); // waits until it is there
  }
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}
