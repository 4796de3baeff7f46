import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { binary, startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { freePort } from '../simulator/free-port.ts';

const REMOTE = `DATABASE_URL=postgres://me:s3cret@db.example.com/mastodon
REDIS_URL=rediss://:s3cret@redis.example.com:6380
`;

/** A checkout whose release and dyno each write a file. */
function checkout(env: string): string {
  const folder = tempFolder();
  mkdirSync(join(folder, 'config'));
  for (const file of ['Gemfile', 'config/puma.rb', 'config/sidekiq.yml']) writeFileSync(join(folder, file), '');
  writeFileSync(join(folder, 'Procfile'), 'web: touch started; echo up; exec sleep 600\nrelease: touch released\n');
  writeFileSync(join(folder, '.env'), env);
  return folder;
}

async function startDev(cwd: string, TMPDIR: string, ...words: string[]): Promise<Dyno> {
  const command = [process.execPath, binary, 'dev', '--no-page', '--port', `${await freePort()}`, ...words] as const;
  return startDyno({ command, cwd, env: { TMPDIR } });
}

describe('mstdn-supervise dev in a checkout whose .env names other machines', () => {
  it.each([[[]], [['--rehearse']], [['--rehearse', '--json', '--scenarios', 'boot']]])(
    'starts nothing with %j',
    async (words) => {
      const [folder, TMPDIR] = [checkout(REMOTE), tempFolder()];
      const dyno = await startDev(folder, TMPDIR, ...words);
      expect(await dyno.exited).toEqual({ code: 78, signal: null });
      expect(dyno.output.split('\n')).toEqual([
        expect.stringMatching(
          /^mstdn-supervise: dev would run migrations and jobs on the data of this checkout, which may not be on this machine:$/,
        ),
        expect.stringMatching(
          /^mstdn-supervise: {3}DATABASE_URL \(\.env\) names "db\.example\.com"; expected postgres:/,
        ),
        expect.stringMatching(/^mstdn-supervise: {3}REDIS_URL \(\.env\) names "redis\.example\.com"; expected redis:/),
        expect.stringMatching(/^mstdn-supervise: point these .*--stand-ins.*--allow-remote-data/),
        'mstdn-supervise: nothing was started; exit code 78',
        '',
      ]);
      expect(['released', 'started'].filter((name) => existsSync(join(folder, name)))).toEqual([]);
      expect(readdirSync(TMPDIR)).toEqual([]);
      await dyno.gone();
    },
  );

  it('runs with --allow-remote-data, and prints what it uses', async () => {
    const folder = checkout(REMOTE);
    const dyno = await startDev(folder, tempFolder(), '--allow-remote-data');
    await dyno.waitForOutput(/^Note: DATABASE_URL \(\.env\) names "db\.example\.com"/m);
    await dyno.waitForOutput(/app\[web\.1\]: up/);
    expect(existsSync(join(folder, 'released'))).toBe(true);
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
  });

  it('keeps the addresses of the real data from the dynos of stand-ins', async () => {
    const folder = checkout(`${REMOTE}DB_HOST=db.example.com\n`);
    writeFileSync(join(folder, 'Procfile'), 'web: echo "[$DATABASE_URL$REDIS_URL$DB_HOST]"; exec sleep 600\n');
    const dyno = await startDev(folder, tempFolder(), '--stand-ins');
    const [, seen] = await dyno.waitForOutput(/app\[web\.1\]: \[(.*)\]$/m);
    expect(seen).toMatch(/^postgres:\/\/stand-in@127\.0\.0\.1:\d+\/stand_in$/);
  });
});
