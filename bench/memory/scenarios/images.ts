// One large picture through the real ImageMagick and the real libvips: with their defaults, and with the plan's settings.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { onCleanup } from '../../cleanup.ts';
import { SUPERVISOR_SCRIPT } from '../../dyno/dyno.ts';
import { makeInstance } from '../../dyno/instance.ts';
import type { Instance } from '../../dyno/instance.ts';
import { peakMemory } from '../../dyno/process-usage.ts';
import { pidOf } from '../../dyno/processes.ts';
import { megabytes, MIB, seconds } from '../../report/format.ts';
import { findConvert, makePicture, unlimitedEnv } from '../picture.ts';
import type { Say, ScenarioResult } from '../scenario.ts';

const QUOTA = '512M';
/** Half the quota for the pixels, and the memory of the program itself. */
const MAX_BYTES = 320 * MIB;
const POLL_MS = 10;
/** The cores that a dyno reports, by which libvips chooses its number of threads. */
const CPUS_OF_A_DYNO = '8';

type Peak = { bytes: number; ms: number };

export async function images(say: Say): Promise<ScenarioResult> {
  const instance = await makeInstance();
  const picture = makePicture(instance.folder, 8000, 6000);
  const planned = plannedEnv(instance);
  const settings = Object.entries(planned).map((pair) => pair.join('='));
  say(`the plan for ${QUOTA} sets ${settings.join(', ')}`);
  const { MAGICK_CONFIGURE_PATH } = unlimitedEnv(instance.folder);
  const found: { name: string; without: Peak; within: Peak }[] = [];
  for (const { name, command } of commandsFor(picture, join(instance.folder, 'out.jpg'))) {
    const without = await peakOf(command, { MAGICK_CONFIGURE_PATH, VIPS_CONCURRENCY: CPUS_OF_A_DYNO }, instance);
    const within = await peakOf(command, { MAGICK_CONFIGURE_PATH, ...planned }, instance);
    found.push({ name, without, within });
    say([name, ...cellsOf(without), ...cellsOf(within)].join(', '));
  }
  return {
    title: `A jpeg of 8000x6000, peak of resident memory, without limits and with the plan for ${QUOTA}`,
    rows: [
      ['', 'without: memory', 'time', 'planned: memory', 'time'],
      ...found.map(({ name, without, within }) => [name, ...cellsOf(without), ...cellsOf(within)]),
    ],
    claims: found.map(({ name, within }) => ({
      text: `${name}: well within the quota, ${megabytes(MAX_BYTES)}`,
      holds: within.bytes <= MAX_BYTES,
    })),
  };
}

function cellsOf({ bytes, ms }: Peak): string[] {
  return [megabytes(bytes), seconds(ms)];
}

function commandsFor(picture: string, output: string): { name: string; command: string[] }[] {
  return [
    { name: 'convert -resize -blur', command: [findConvert(), picture, '-resize', '50%', '-blur', '0x8', output] },
    { name: 'vips thumbnail', command: ['vips', 'thumbnail', picture, output, '4000'] },
    { name: 'vips rot', command: ['vips', 'rot', picture, output, 'd90'] },
    { name: 'vips gaussblur', command: ['vips', 'gaussblur', picture, output, '8'] },
  ];
}

/** The variables for image programs that the plan gives to sidekiq. */
function plannedEnv({ folder, env }: Instance): Record<string, string> {
  const output = execFileSync(process.execPath, [SUPERVISOR_SCRIPT, 'plan', 'web', '--json'], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env, SUPERVISE_MEMORY_QUOTA: QUOTA },
    encoding: 'utf8',
  });
  const plan = JSON.parse(output) as { children: { name: string; env: Record<string, string> }[] };
  const sidekiq = plan.children.find(({ name }) => name === 'sidekiq');
  return Object.fromEntries(Object.entries(sidekiq?.env ?? {}).filter(([name]) => /^(MAGICK|VIPS)_/.test(name)));
}

async function peakOf(command: readonly string[], env: NodeJS.ProcessEnv, { folder }: Instance): Promise<Peak> {
  const fromMs = performance.now();
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, TMPDIR: folder, MAGICK_TMPDIR: folder, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  onCleanup(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  const pid = pidOf(child);
  let bytes = 0;
  while (child.exitCode === null && child.signalCode === null) {
    bytes = Math.max(bytes, peakMemory(pid));
    await pause(POLL_MS);
  }
  await exit;
  if (child.exitCode !== 0) throw new Error(`${file} exited with ${child.exitCode ?? child.signalCode ?? 'an error'}`);
  return { bytes, ms: performance.now() - fromMs };
}
