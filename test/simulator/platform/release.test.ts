import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runRelease } from '../../../src/simulator/platform/release.ts';
import { PLATFORM, type Rules } from '../../../src/simulator/platform/rules.ts';
import { tempFolder } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';

/** Runs it and gives its status and what was said of it. */
async function release(command: string, rules: Partial<Rules> = {}): Promise<{ status: number; said: string[] }> {
  const folder = tempFolder();
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  const said: string[] = [];
  const status = await runRelease({
    command,
    config: { folder, scratch, env: { PATH: process.env.PATH ?? '' }, prefix: [], port: null, dispose: () => {} },
    rules: { ...PLATFORM, ...rules },
    platformLine: (text) => said.push(text),
    appLine: (line) => said.push(`> ${line}`),
    onStart: () => {},
    stop: new AbortController().signal,
    kill: new AbortController().signal,
  });
  return { status, said };
}

it('is a command of sh, whose status counts', async () => {
  const { status, said } = await release('echo "${BASH_VERSION:-sh}"; exit 3');
  expect(status).toBe(3);
  expect(said).toEqual([
    'State changed from starting to up',
    'Starting process with command `echo "${BASH_VERSION:-sh}"; exit 3`',
    '> sh',
    'Process exited with status 3',
    'State changed from up to complete',
  ]);
});

it('gets TERM when its hour is over, and is killed where it does not mind', async () => {
  const patient = await release('exec sleep 600', { releaseMs: 10 });
  expect(patient.status).toBe(143);
  expect(patient.said).toContain('Stopping all processes with SIGTERM');
  await eventually(async () => {
    const deaf = await release("trap '' TERM; echo deaf; while :; do sleep 600; done", { releaseMs: 2000, stopMs: 10 });
    expect(deaf.status).toBe(137); // 143: its hour was over before its trap was set
  });
});
