import { spawn, spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { Reader } from './reader.ts';
import { Stage } from './stage.ts';

test('what a dyno has said is read, even where our own loop stands still until the time for it is over', async () => {
  const reader = new Reader('pipe', new Stage(tempFolder(), 1));
  const text = reader.text(20);
  const { fd } = reader;
  spawnSync('sh', ['-c', 'echo last'], { stdio: ['ignore', fd, 'ignore'] });
  standStill(100);
  if (typeof fd === 'number') closeSync(fd);
  expect(await text).toBe('last\n');
});

test('what goes to a stderr of its own is kept apart', async () => {
  const reader = new Reader('socket', new Stage(tempFolder(), 1));
  const child = spawn('sh', ['-c', 'echo said; echo warned >&2'], { stdio: ['ignore', reader.fd, reader.fd] });
  reader.started(child);
  expect(await reader.text(1000)).toBe('said\n');
  await eventually(() => expect(reader.apart).toBe('warned\n'));
});

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
