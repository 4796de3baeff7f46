// One large picture through the real ImageMagick and the real libvips: as they come, and with what the plan sets.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { supervised } from '../dyno.js';
import { atEnd } from '../ending.js';
import { MIB, mb, secondsOf } from '../figures.js';
import { makeInstance } from '../instance.js';
import { findConvert, makePicture, withoutLimits } from '../picture.js';
import { read } from '../processes.js';

const QUOTA = '512M';
/** Half the quota for the pixels, and what the program itself takes. */
const MOST = 320 * MIB;
const LOOK_MS = 10;
/** What a dyno shows, and libvips goes by. */
const CPUS_OF_A_DYNO = '8';

export async function images(say) {
  const instance = await makeInstance();
  const picture = makePicture(instance.folder, 8000, 6000);
  const planned = plannedEnv(instance);
  say(`the plan for ${QUOTA} sets ${Object.entries(planned).map((pair) => pair.join('='))}`);
  const { MAGICK_CONFIGURE_PATH } = withoutLimits(instance.folder);
  const rows = [];
  for (const { name, command } of commandsFor(picture, join(instance.folder, 'out.jpg'))) {
    const without = await peakOf(command, { MAGICK_CONFIGURE_PATH, VIPS_CONCURRENCY: CPUS_OF_A_DYNO }, instance);
    const within = await peakOf(command, { MAGICK_CONFIGURE_PATH, ...planned }, instance);
    rows.push([name, mb(without.peak), secondsOf(without.ms), mb(within.peak), secondsOf(within.ms)]);
    say(rows.at(-1).join(', '));
    rows.at(-1).holds = within.peak <= MOST;
  }
  return {
    title: `A jpeg of 8000x6000, resident memory at most, without limits and as the plan for ${QUOTA} has it`,
    rows: [['', 'without: memory', 'time', 'planned: memory', 'time'], ...rows],
    claims: rows.map((row) => ({ text: `${row[0]}: within the quota by far, ${mb(MOST)}`, holds: row.holds })),
  };
}

function commandsFor(picture, output) {
  return [
    { name: 'convert -resize -blur', command: [findConvert(), picture, '-resize', '50%', '-blur', '0x8', output] },
    { name: 'vips thumbnail', command: ['vips', 'thumbnail', picture, output, '4000'] },
    { name: 'vips rot', command: ['vips', 'rot', picture, output, 'd90'] },
    { name: 'vips gaussblur', command: ['vips', 'gaussblur', picture, output, '8'] },
  ];
}

/** The variables for pictures that sidekiq would be given. */
function plannedEnv({ folder, env }) {
  const [node, binary] = supervised.command;
  const options = {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env, SUPERVISE_MEMORY_QUOTA: QUOTA },
    encoding: 'utf8',
  };
  const plan = JSON.parse(execFileSync(node, [binary, 'plan', 'web', '--json'], options));
  const sidekiq = plan.children.find(({ name }) => name === 'sidekiq');
  return Object.fromEntries(Object.entries(sidekiq.env).filter(([name]) => /^(MAGICK|VIPS)_/.test(name)));
}

/** Bytes that were resident at most, and how long it took. */
async function peakOf([file, ...args], env, { folder }) {
  const fromMs = performance.now();
  const options = { cwd: folder, env: { PATH: process.env.PATH, TMPDIR: folder, MAGICK_TMPDIR: folder, ...env } };
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
  atEnd(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peak = Math.max(peak, 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(read(child.pid, 'status'))?.[1] ?? 0));
    await pause(LOOK_MS);
  }
  const [code] = await exit;
  if (code !== 0) throw new Error(`${file} ended with ${code ?? child.signalCode}`);
  return { peak, ms: performance.now() - fromMs };
}
