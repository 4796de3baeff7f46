import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, it, test } from 'vitest';
import { writeCommands, writeSlug } from '../../../src/simulator/platform/slug.ts';
import { startDyno, tempFolder, type Dyno } from '../../harness/dyno.ts';
import { eventually } from '../../harness/eventually.ts';
import { freePort } from '../free-port.ts';
import { get } from '../get.ts';
import { listening } from '../part.ts';

const home = fileURLToPath(new URL('../../..', import.meta.url));
const ok = { code: 0, signal: null };

type Place = { slug: string; run: (line: string, env?: Record<string, string>) => Dyno };
let place: Place;

beforeEach(() => void (place = makePlace('a folder of "mine", isn\'t it $HOME')));

function makePlace(name: string): Place {
  const folder = join(tempFolder(), name);
  const [commands, slug] = [join(folder, 'commands'), join(folder, 'slug')];
  for (const path of [commands, slug]) mkdirSync(path, { recursive: true });
  writeCommands(home, commands);
  writeSlug(home, slug);
  const PATH = [commands, process.env.PATH].join(delimiter);
  const run: Place['run'] = (line, env = {}) =>
    startDyno({ command: ['sh', '-c', `exec ${line}`], cwd: slug, env: { PATH, STAND_IN_BOOT_MS: '0', ...env } });
  return { slug, run };
}

it.each(['bundle exec puma -C config/puma.rb', 'puma -C config/puma.rb'])('runs %s', async (line) => {
  const dyno = place.run(line, { PORT: String(await freePort()) });
  expect(await get(await listening(dyno), '/health')).toMatchObject({ status: 200 });
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual({ code: null, signal: 'SIGTERM' });
});

it.each(['bundle exec sidekiq -c 3 -q default,8 -q push', 'sidekiq -c 3'])('runs %s', async (line) => {
  const dyno = place.run(line, { MASTODON_SIDEKIQ_READY_FILENAME: 'ready', STAND_IN_JOB_MS: '0' });
  await dyno.waitForOutput(/Ready with 3 threads for default, push/);
  await eventually(() => expect(existsSync(join(place.slug, 'tmp/ready'))).toBe(true));
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual(ok);
});

it('has the seven queues of Mastodon, where sidekiq is told none', async () => {
  await place.run('sidekiq').waitForOutput(/for default, push, ingress, mailers, pull, scheduler, fasp$/m);
});

it('runs node ./streaming', async () => {
  const dyno = place.run('node ./streaming', { PORT: String(await freePort()) });
  expect(await get(await listening(dyno), '/api/v1/streaming/health')).toMatchObject({ status: 200, body: 'OK' });
  dyno.signal('SIGTERM');
  expect(await dyno.exited).toEqual(ok);
});

it.each(['bundle exec rails db:migrate', 'rake db:migrate', 'bundle exec rails runner Rails.cache.clear'])(
  'runs %s',
  async (line) => {
    expect(await place.run(line).exited).toEqual(ok);
  },
);

it('runs the supervisor itself, which finds what it needs there', async () => {
  const dyno = place.run('mstdn-supervise plan web', { RUN_WORKER: 'true', PORT: '5000' });
  expect(await dyno.exited).toEqual(ok);
  expect(dyno.output).toContain('bundle exec puma -C config/puma.rb');
  expect(dyno.output).not.toMatch(/is not here|missing/);
});

test('a signal to a command is a signal to the stand-in: nothing stands between', async () => {
  const dyno = place.run('bundle exec sidekiq');
  const [, pid] = await dyno.waitForOutput(/pid=(\d+).* Ready with/);
  expect(Number(pid)).toBe(dyno.pid);
});

it.each([
  ['bundle install', 1, /knows no more than 'bundle exec COMMAND'; asked for: bundle install/],
  ['bundle', 1, /asked for: bundle/],
  ['bundle exec no-such-thing', 127, /command not found: no-such-thing/],
  ['puma -C config/missing.rb', 1, /No such file.*missing\.rb/],
  ['puma --no-such-option', 1, /no-such-option/],
])('refuses %s', async (line, code, says) => {
  const dyno = place.run(line);
  expect(await dyno.exited).toEqual({ code, signal: null });
  expect(dyno.output).toMatch(says);
});
