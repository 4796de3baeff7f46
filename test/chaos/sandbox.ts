import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEvents, STOP_TIMEOUT_MS, type ChildEvent } from './history.ts';
import type { Behavior, ChildName, Scenario } from './scenario.ts';

export type Environment = { [name: string]: string };
export type Installation = { folder: string; remove: () => void };

const CHILD_SCRIPT = 'test/fixtures/chaos-child.pl';
const FULL = 'full';

/** A temporary folder with a copy of what runs, so that a build meanwhile changes nothing, and with a perl that is called ruby, since the
 * guard goes by a program's name. All sandboxes lie in it. */
export function install(root: string, more: readonly string[] = []): Installation {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mst-')));
  copyFileSync('/usr/bin/perl', join(folder, 'ruby'));
  for (const part of ['bin', 'dist', CHILD_SCRIPT, ...more]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** The folder of one run. Its path is short: the supervisor takes /tmp for its sockets instead of a TMPDIR of more than 54 bytes. */
export class Sandbox {
  readonly installation: string;
  readonly folder: string;
  readonly eventsFile: string;

  constructor(installation: string, tmp: Scenario['tmp']) {
    this.installation = installation;
    this.folder = mkdtempSync(join(installation, 'run-'));
    this.eventsFile = join(this.folder, 'events');
    writeFileSync(this.eventsFile, '');
    mkdirSync(join(this.folder, 'own'));
    if (tmp === 'missing') return;
    mkdirSync(join(this.folder, 'tmp'));
    if (tmp === 'full') fill(join(this.folder, 'tmp'));
  }

  clear(): void {
    const tmp = join(this.folder, 'tmp');
    if (existsSync(join(tmp, FULL))) execFileSync('umount', ['--lazy', tmp]);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** What the children have recorded so far. */
  events(): ChildEvent[] {
    return parseEvents(readFileSync(this.eventsFile, 'utf8'));
  }

  /** Files that the dyno should have removed. */
  filesLeft(): string[] {
    const folders = ['own', 'tmp'].filter((name) => existsSync(join(this.folder, name)));
    return folders
      .flatMap((name) => readdirSync(join(this.folder, name)).map((file) => `${name}/${file}`))
      .filter((file) => file !== `tmp/${FULL}`);
  }
}

/** A disk with room for its root and one file; where this user may not mount, a read-only folder. */
function fill(folder: string): void {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,nr_inodes=2', 'chaos', folder], { stdio: 'ignore' });
    writeFileSync(join(folder, FULL), '');
  } catch {
    chmodSync(folder, 0o500);
  }
}

export function environmentOf(scenario: Scenario, port: number, sandbox: Sandbox): Environment {
  const { misconfiguration, role, hasPrefix, sidekiqWaits } = scenario;
  const command = (name: ChildName): string => {
    const isMissing = misconfiguration === 'command-not-found' && name !== 'streaming';
    return isMissing ? 'no-such-command' : commandOf(scenario, name, sandbox);
  };
  return {
    PORT: `${port}`,
    TMPDIR: join(sandbox.folder, 'own'),
    SUPERVISE_LOG_FORMAT: 'json',
    SUPERVISE_LOG_PREFIX: `${hasPrefix}`,
    SUPERVISE_STOP_TIMEOUT: misconfiguration === 'invalid-setting' ? 'soon' : `${STOP_TIMEOUT_MS / 1000}`,
    SUPERVISE_START_TIMEOUT: sidekiqWaits ? '1' : '0',
    ...memorySettings(scenario.memory),
    ...(role === 'web' ? webSettings(scenario) : {}),
    ...(stepsClock(scenario) ? clockSettings(sandbox) : {}),
    PUMA_COMMAND: command('puma'),
    SIDEKIQ_COMMAND: misconfiguration === 'not-executable' ? '/etc/passwd' : command('sidekiq'),
    STREAMING_COMMAND: command('streaming'),
  };
}

function webSettings({ hasSidekiq, hasRouter, streaming }: Scenario): Environment {
  const settings = { RUN_WORKER: `${hasSidekiq}`, SUPERVISE_STREAMING_IDLE: '1s' };
  if (streaming !== 'none') return { ...settings, RUN_STREAMING: streaming };
  return { ...settings, SUPERVISE_ROUTER: `${hasRouter}` };
}

/** The thresholds are far below the kill; `emergency` lies right above `act`, or out of reach. */
function memorySettings(reach: Scenario['memory']): Environment {
  if (reach === 'off') return { SUPERVISE_MEMORY_GUARD: 'off' };
  return {
    SUPERVISE_MEMORY_QUOTA: '100M',
    SUPERVISE_MEMORY_WARN_AT: '120',
    SUPERVISE_MEMORY_ACT_AT: '150',
    SUPERVISE_MEMORY_EMERGENCY_AT: reach === 'emergency' ? '151' : '900',
    SUPERVISE_MEMORY_KILLS_AT: '1000',
    SUPERVISE_RECYCLE_QUIET: '0.5',
  };
}

/** Debian's package `faketime`. */
const FAKETIME = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
  .map((folder) => `${folder}/faketime/libfaketimeMT.so.1`)
  .find((file) => existsSync(file));

/** Whether the wall clock of the dyno is stepped, which needs libfaketime. */
export function stepsClock({ faults }: Scenario): boolean {
  return FAKETIME !== undefined && faults.some(({ fault }) => fault.type === 'step-clock');
}

function clockSettings({ folder }: Sandbox): Environment {
  if (FAKETIME === undefined) return {};
  const file = { FAKETIME_TIMESTAMP_FILE: join(folder, 'clock'), FAKETIME_NO_CACHE: '1' };
  return { LD_PRELOAD: FAKETIME, ...file, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

function commandOf({ behaviors, memory }: Scenario, name: ChildName, { installation, eventsFile }: Sandbox): string {
  const behavior = behaviors[name];
  const words = [join(installation, 'ruby'), join(installation, CHILD_SCRIPT), name, `events=${eventsFile}`];
  const role = name === 'sidekiq' ? 'ready' : 'listen';
  return [...words, role, ...optionsOf(behavior, memory !== 'off')].join(' ');
}

function optionsOf(behavior: Behavior, mayGrow: boolean): string[] {
  const { startupMs, onTerm, crash, daemon, wrapper, lines, midLinePause } = behavior;
  const grows = mayGrow ? behavior.grows : null;
  const options = {
    ...{ boot: startupMs, lines, wrapper, pause: midLinePause?.forMs },
    ...{ term: onTerm.kind === 'exit' ? onTerm.code : onTerm.kind, after: 'afterMs' in onTerm ? onTerm.afterMs : null },
    ...(crash?.kind === 'exit' ? { exit: crash.code } : { kill: crash?.signal }),
    ...{ in: crash?.afterMs, daemon: daemon?.kind, daemonin: daemon?.afterMs },
    // More than the threshold `act` and a quarter of the quota.
    ...(grows === null ? {} : { [grows.kind === 'helper' ? 'helper' : 'grow']: 160, growin: grows.afterMs }),
  };
  const entries = Object.entries(options) as [string, string | number | null | undefined][];
  return entries.flatMap(([name, value]) => (value == null ? [] : [`${name}=${value}`]));
}

/** Processes that keep both cores busy. */
export function startCpuLoad(): () => void {
  const loops = [1, 2].map(() =>
    spawn('nice', ['-n', '5', 'perl', '-e', 'alarm 600; 1 while getppid() != 1'], { stdio: 'ignore' }),
  );
  return () => loops.forEach((loop) => loop.kill('SIGKILL'));
}

/** The monotonic clock, in milliseconds, as the children read it. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** Ends earlier once `isOver`. */
export async function sleepUntil(atMs: number, isOver: () => boolean): Promise<void> {
  while (now() < atMs && !isOver()) await pause(Math.min(10, Math.max(0, atMs - now())));
}
