import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { binary, startDyno, tempFolder } from '../harness/dyno.ts';
import { nodes } from '../harness/nodes.ts';
import { environment } from '../harness/processes.ts';
import { events, startWeb, childCommand } from './dyno-fixture.ts';

const bare = { PUMA_COMMAND: 'sleep 1000', SIDEKIQ_COMMAND: 'sleep 1001', RUN_WORKER: 'true' };

describe('plan', () => {
  test('prints what would run and runs nothing', async () => {
    const dyno = startDyno({ args: ['plan', 'web'], env: { ...bare, PUMA_COMMAND: `sh -c 'echo ran'` } });
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect(dyno.output).toContain("puma: sh -c 'echo ran'");
    expect(dyno.output).toContain('sidekiq: sleep 1001 -c 5 -t 25');
    expect(dyno.output).not.toMatch(/^ran/m);
  });

  test('--json prints the same as data', async () => {
    const { stdout } = await execa(process.execPath, [binary, 'plan', 'web', '--json'], {
      env: bare,
      cwd: tempFolder(),
    });
    const plan = JSON.parse(stdout) as { children: { name: string }[]; databaseConnections: number };
    expect(plan.children.map(({ name }) => name)).toEqual(['puma', 'sidekiq']);
    expect(plan.databaseConnections).toBe(15);
  });

  test('a reader that exits early is no error', async () => {
    const command = `${process.execPath} ${binary} plan web | head -1; exit \${PIPESTATUS[0]}`;
    const dyno = startDyno({ command: ['bash', '-c', command], env: bare });
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect(dyno.output).toBe('web:\n');
  });
});

describe('--env-file', () => {
  test('adds variables, never overriding what is set', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'my.env'), `SIDEKIQ_THREADS=7\nSIDEKIQ_COMMAND="sleep 9"\nFROM_FILE='a b'\n`);
    const env = { SIDEKIQ_COMMAND: childCommand('sidekiq'), SIDEKIQ_THREADS: undefined };
    const dyno = startDyno({ args: ['worker', '--env-file', 'my.env'], cwd: folder, env });
    const [, pid] = await dyno.waitForOutput(/sidekiq up (\d+)/);
    expect(environment(Number(pid))).toContain('FROM_FILE=a b');
    dyno.signal('SIGTERM');
    await dyno.exited;
    expect(events(dyno).find(({ event }) => event === 'started')?.command).toEqual(expect.arrayContaining(['-c', '7']));
  });

  test('a missing file is an error', async () => {
    for (const { path: node } of nodes) {
      const dyno = startDyno({ node, args: ['worker', '--env-file', 'none'] });
      const { code } = await dyno.exited;
      // Some Node versions take --env-file for their own option anywhere, and exit with code 9 before the supervisor starts.
      expect([code, dyno.output.trim()]).toEqual(
        code === 9
          ? [9, expect.stringContaining('none: not found')]
          : [78, expect.stringContaining('--env-file none: ')],
      );
    }
  });
});

describe('the environment of the children', () => {
  test('has the marker, BIND, the pool of the child, and all other variables unchanged', async () => {
    const dyno = startWeb('', 'ready', { env: { PUMA_DB_POOL: '7', DB_POOL: '3', WEIRD: 'a\nb=c' } });
    const [, puma] = await dyno.waitForOutput(/puma up (\d+)/);
    const [, sidekiq] = await dyno.waitForOutput(/sidekiq up (\d+)/);
    const pumaEnv = environment(Number(puma));
    const sidekiqEnv = environment(Number(sidekiq));
    expect(pumaEnv).toEqual(expect.arrayContaining(['BIND=0.0.0.0', 'DB_POOL=7', 'WEIRD=a\nb=c']));
    expect(sidekiqEnv).toEqual(expect.arrayContaining(['DB_POOL=3']));
    expect(pumaEnv.filter((line) => line.startsWith('MSTDN_SUPERVISE_RUN='))).toHaveLength(1);
    expect(sidekiqEnv.some((line) => line.startsWith('BIND='))).toBe(false);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
  });

  test('each sidekiq has a ready file, which is removed at the end', async () => {
    const folder = tempFolder();
    const env = { RUN_WORKER: 'true', SIDEKIQ_PROCESSES: '1 2:default' };
    const dyno = startWeb('', 'ready', { env, cwd: folder });
    await dyno.waitForOutput(/sidekiq-1 is ready/);
    await dyno.waitForOutput(/sidekiq-2 is ready/);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect((await execa('ls', [join(folder, 'tmp')])).stdout).toBe('');
  });

  test('the next start removes the ready file of a killed supervisor, but not of a living one', async () => {
    const folder = tempFolder();
    const killed = startWeb('', 'ready', { cwd: folder });
    const living = startWeb('', 'ready', { cwd: folder });
    await killed.waitForOutput(/sidekiq is ready/);
    await living.waitForOutput(/sidekiq is ready/);
    killed.signal('SIGKILL');
    await killed.gone();
    const next = startWeb('', 'ready', { cwd: folder });
    await next.waitForOutput(/sidekiq is ready/);
    const pids = readdirSync(join(folder, 'tmp')).map((name) => Number(name.split('-')[2]));
    expect(pids.sort()).toEqual([living.pid, next.pid].sort());
  });

  test('a sidekiq that becomes ready after its start script has exited leaves no ready file', async () => {
    const folder = tempFolder();
    const touch = 'open F, ">", "tmp/$ENV{MASTODON_SIDEKIQ_READY_FILENAME}"';
    const late = `$SIG{TERM} = sub { ${touch}; exit }; $| = 1; print "worker up\\n"; sleep 1 while 1`;
    writeFileSync(join(folder, 'start'), `perl -e '${late}'\ntrue\n`);
    const dyno = startWeb('', '', { cwd: folder, env: { SIDEKIQ_COMMAND: 'sh start' } });
    await dyno.waitForOutput(/puma up/);
    await dyno.waitForOutput(/worker up/);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  test('when no ready file can be made, a warning says so and sidekiq runs without the variable', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'tmp'), 'a file where a folder should be');
    const dyno = startWeb('', 'ready', { cwd: folder });
    const [, pid] = await dyno.waitForOutput(/sidekiq up (\d+)/);
    await dyno.waitForOutput(/cannot see when sidekiq is ready/);
    expect(environment(Number(pid)).some((line) => line.startsWith('MASTODON_SIDEKIQ_READY'))).toBe(false);
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual({ code: 0, signal: null });
  });
});

describe('this machine', () => {
  test('as PID 1 the supervisor works, and warns once that orphans are not reaped', async () => {
    const unshare = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc', '--kill-child=TERM'];
    const dyno = startWeb('exit=6 in=300', 'ready', {
      command: [unshare[0] ?? '', ...unshare.slice(1), process.execPath, binary, 'web'],
    });
    expect(await dyno.exited).toEqual({ code: 6, signal: null });
    expect(dyno.output.match(/running as PID 1.*docker run --init/g)).toHaveLength(1);
  });

  test('without setpriv it works, and warns that it is missing', async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'bin'));
    symlinkSync('/bin/sh', join(folder, 'bin/sh'));
    const env = { PATH: join(folder, 'bin'), PUMA_COMMAND: `sh -c 'exit 3'` };
    const dyno = startDyno({ args: ['web'], env });
    expect(await dyno.exited).toEqual({ code: 3, signal: null });
    expect(dyno.output).toContain('no setpriv --pdeathsig');
  });

  test('without /proc and without a quota the boot log says that leftover processes cannot be found', async () => {
    const unshare = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'] as const;
    const withoutProc = 'mount -t tmpfs none /proc && exec "$@"';
    const dyno = startDyno({
      command: [...unshare, withoutProc, 'sh', process.execPath, binary, 'web'],
      env: { PUMA_COMMAND: `sh -c 'exit 3'` },
    });
    expect(await dyno.exited).toEqual({ code: 3, signal: null });
    expect(dyno.output.match(/no \/proc: leftover processes .* cannot be found or ended; mount it/g)).toHaveLength(1);
  });
});

describe('a folder that this user may not enter', () => {
  /** root enters any folder, unless it lacks these capabilities. */
  const unprivileged = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [];

  test.each([
    ['the folder itself', '.', 'web', '/parent/app'],
    ['the parent folder', '..', 'worker', '/parent'],
    ['the folder itself', '.', 'plan', '/parent/app'],
  ])('is reported before anything starts: %s, chmod 0 %s, %s', async (_, denied, subcommand, reported) => {
    const parent = join(tempFolder(), 'parent');
    const cwd = join(parent, 'app');
    mkdirSync(cwd, { recursive: true });
    onTestFinished(() => [parent, cwd].forEach((folder) => chmodSync(folder, 0o755)));
    const script = `chmod 0 ${denied} && exec "$@"`;
    const command = ['env', ...unprivileged, 'sh', '-c', script, 'sh', process.execPath, binary, subcommand] as const;
    const env = { PUMA_COMMAND: 'sleep 1000', SIDEKIQ_COMMAND: 'sleep 1000', MIGRATE_COMMAND: 'true' };
    const dyno = startDyno({ cwd, env, command });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(dyno.output).toMatch(/^mstdn-supervise: .*: user \d+ may not enter \S+; .*chmod o\+x \S+$/m);
    expect(dyno.output).toMatch(new RegExp(`may not enter \\S*${reported};`));
    expect(dyno.output).toContain('nothing was started; exit code 78');
    expect(dyno.output.split('\n')).toHaveLength(3);
  });
});
