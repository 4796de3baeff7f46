import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { parseDevOptions } from '../../src/simulator/options.ts';
import { type RunningSimulation, startSimulation } from '../../src/simulator/start-simulation.ts';
import type { DynoView, PlatformEvent, ProcessView } from '../../src/simulator/simulation.ts';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { freePair } from '../simulator/free-port.ts';

export const home = fileURLToPath(new URL('../..', import.meta.url));

/** The platform's times are ten times shorter. */
export const SCALE = 10;

/** Stand-ins with little memory and a fast boot; a test about memory or boots overrides this. */
const LIGHT = {
  STAND_IN_BOOT_MS: '0',
  STAND_IN_PUMA_MB: '0',
  STAND_IN_SIDEKIQ_MB: '0',
  STAND_IN_STREAMING_MB: '0',
  RUN_WORKER: 'true',
};

export type SimulationOptions = {
  words?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** File name -> text, of the app. */
  files?: Readonly<Record<string, string>>;
};

/** Starts a simulation of these files with scaled time and stand-ins. It is killed after the test. */
export async function simulate({ words = [], env = {}, files = {} }: SimulationOptions = {}): Promise<Seen> {
  const folder = tempFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const options = parseDevOptions(
    ['--dir', folder, '--stand-ins', '--time-scale', `${SCALE}`, '--port', `${await freePair()}`, ...words],
    [],
  );
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  const running = await startSimulation(options, {
    packageFolder: home,
    env: { PATH, HOME, TMPDIR, ...LIGHT, ...env },
  });
  return new Seen(running, folder);
}

/** A simulation with the lines and events that it has emitted so far. */
export class Seen {
  readonly running: RunningSimulation;
  readonly folder: string;
  readonly lines: string[] = [];
  readonly events: PlatformEvent[] = [];

  constructor(running: RunningSimulation, folder: string) {
    this.running = running;
    this.folder = folder;
    running.onLine(({ source, from, text }) => this.lines.push(`${source}[${from}]: ${text}`));
    running.onEvent((event) => this.events.push(event));
    onTestFinished(() => running.kill());
  }

  get url(): string {
    return this.running.view().app.url;
  }

  dyno(name = 'web.1'): DynoView {
    const found = this.running.view().dynos.find((dyno) => dyno.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  /** A process of the current run. */
  process(label: string, name = 'web.1'): ProcessView {
    const found = this.dyno(name).runs[0]?.processes.find((process) => process.label === label);
    if (found === undefined) throw new Error(`no ${label} in ${name}\n${this.lines.join('\n')}`);
    return found;
  }

  /** Waits until the log matches, and returns the match. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return eventually(() => {
      const match = pattern.exec(this.lines.join('\n'));
      if (match === null) throw new Error(`no ${String(pattern)} in\n${this.lines.join('\n')}`);
      return match;
    });
  }

  async is(state: string, name = 'web.1'): Promise<void> {
    await eventually(() => expect(this.dyno(name).state, this.lines.join('\n')).toBe(state));
  }

  marks(kind?: PlatformEvent['kind']): string[] {
    return this.events.filter((one) => kind === undefined || one.kind === kind).map(({ label }) => label);
  }

  /** The exits so far: status and how many processes had to be killed after it. */
  exits(): NonNullable<PlatformEvent['exit']>[] {
    return this.events.flatMap(({ exit }) => exit ?? []);
  }
}
