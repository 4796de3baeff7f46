import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { binary, startDyno, tempFolder, type Dyno, type DynoOptions } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { freePair, freePort, takenPort } from '../simulator/free-port.ts';
import { get } from '../simulator/get.ts';

const repo = fileURLToPath(new URL('../..', import.meta.url));
const ok = { code: 0, signal: null };
const script = [process.execPath, 'scripts/dev.js'] as const;

describe('npm run dev', () => {
  it('prints in its first line what runs, where, and how to stop it; the app and the page respond', async () => {
    const { dyno, port } = await startDev();
    const [, first = ''] = await dyno.waitForOutput(/^(Stand-ins run here.*)$/m);
    expect(first).toMatch(/^Stand-ins run here instead of Mastodon: .*web\.1 \(512M\).*Ctrl-C stops it$/);
    expect(first).toContain(`http://localhost:${port}`);
    expect(await get({ host: '127.0.0.1', port }, '/health')).toMatchObject({ status: 200, body: 'OK' });
    expect(await get({ host: '127.0.0.1', port: port + 1 }, '/', { host: `localhost:${port + 1}` })).toMatchObject({
      status: 200,
      body: expect.stringContaining('<title>') as string,
    });
  });

  it('starts the page and the first dyno in a fresh clone', { timeout: 300_000 }, async () => {
    const clone = join(tempFolder(), 'clone');
    execFileSync('git', ['clone', '--quiet', '--depth', '1', `file://${repo}`, clone]);
    symlinkSync(join(repo, 'node_modules'), join(clone, 'node_modules')); // as `npm ci` leaves it
    const port = await freePair();
    const env = { PORT: String(port), TMPDIR: tempFolder() };
    const dyno = startDyno({ command: ['npm', 'run', 'dev'], cwd: clone, env });
    await eventually(() => expect(dyno.output).toContain('heroku[web.1]: State changed from starting to up'), 240_000);
    expect(await get({ host: '127.0.0.1', port: port + 1 }, '/', { host: `localhost:${port + 1}` })).toMatchObject({
      status: 200,
    });
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual(ok);
    await expectNothingLeft(dyno, env.TMPDIR);
  });

  it('releases first, and prints as the platform does', async () => {
    const { dyno } = await startDev();
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00`;
    const lines = [
      String.raw`app\[api\]: Release v1 created`,
      'heroku\\[release\\.1\\]: Starting process with command `mstdn-supervise release`',
      String.raw`app\[release\.1\]: == 20260101000000 StandIn: migrated =+`,
      String.raw`heroku\[release\.1\]: Process exited with status 0`,
      'heroku\\[web\\.1\\]: Starting process with command `mstdn-supervise web`',
      String.raw`heroku\[web\.1\]: State changed from starting to up`,
    ];
    await dyno.waitForOutput(new RegExp(lines.map((line) => `^${time} ${line}$`).join('[^]*\n'), 'm'));
  });

  it('prints the status of a crash and starts the dyno again', async () => {
    const { dyno, folder } = await startDev();
    process.kill(await pidOf(dyno, 'sidekiq'), 'SIGKILL');
    await dyno.waitForOutput(
      /sidekiq was killed by SIGKILL.* after it started.*puma[^]*Process exited with status 137/,
    );
    await dyno.waitForOutput(/State changed from crashed to starting[^]*sidekiq is ready after/);
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
    await expectNothingLeft(dyno, folder);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('stops gracefully on %s', async (name) => {
    const { dyno, folder } = await startDev();
    dyno.signal(name);
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toMatch(/INFO: Bye![^]*Process exited with status 0[^]*State changed from stopping to down/);
    await expectNothingLeft(dyno, folder);
  });

  it('counts the Ctrl-C of the terminal and its copy from npm as one', async () => {
    const { dyno } = await startDev({ STAND_IN_JOB_MS: '2000' });
    dyno.scan();
    for (let count = 0; count < 2; count += 1) process.kill(dyno.pid, 'SIGINT'); // not dyno.signal: its scan takes time
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toMatch(/Shutting down[^]*INFO: done[^]*Bye!/);
  });

  it('kills at once on a second Ctrl-C', async () => {
    const { dyno, port, folder } = await startDev();
    const response = get({ host: '127.0.0.1', port }, '/slow?seconds=600');
    await dyno.waitForOutput(/Started GET "\/slow/);
    dyno.signal('SIGINT');
    await dyno.waitForOutput(/Gracefully stopping/);
    await eventually(() => {
      if (dyno.output.includes('Process exited with status 137')) return;
      dyno.signal('SIGINT');
      throw new Error('not counted as a second Ctrl-C yet');
    });
    expect(await dyno.exited).toEqual({ code: 137, signal: null });
    expect(await response).toMatchObject({ status: 503 });
    await expectNothingLeft(dyno, folder);
  });

  it('stops on a Ctrl-C typed into a terminal that runs npm', async () => {
    const command = ['script', '-qec', 'exec npm run dev', '/dev/null'] as const;
    const { dyno, folder } = await startDev({ STAND_IN_JOB_MS: '2000' }, { command, stdio: 'pipe' });
    await dyno.waitForOutput(/INFO: start/);
    dyno.child.stdin?.write('\x03');
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toMatch(/Shutting down[^]*INFO: done[^]*Bye![^]*exit code 0/);
    await expectNothingLeft(dyno, folder);
  });

  it('stops when only npm gets TERM', async () => {
    const { dyno, folder } = await startDev({}, { command: ['npm', 'run', 'dev'] });
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toContain('INFO: Bye!');
    await expectNothingLeft(dyno, folder);
  });

  it('leaves no process behind when it is killed itself', async () => {
    const { dyno } = await startDev();
    dyno.signal('SIGKILL');
    await dyno.exited.catch(() => undefined);
    await dyno.gone();
  });

  it('runs streaming instead of puma with RUN_STREAMING=true', async () => {
    const { dyno, port } = await startDev({ RUN_STREAMING: 'true' }, {}, ['streaming', 'sidekiq']);
    const address = { host: '127.0.0.1', port };
    expect(await get(address, '/api/v1/streaming/health')).toMatchObject({ status: 200, body: 'OK' });
    expect(dyno.output).not.toContain('Puma starting');
  });

  it('passes the variables of the user on', async () => {
    const { dyno } = await startDev({ SIDEKIQ_PROCESSES: '2 1:default', RUN_SCHEDULE: '' }, {}, ['puma']);
    await dyno.waitForOutput(/Ready with 2 threads for default, push, ingress, mailers, pull, scheduler, fasp/);
    await dyno.waitForOutput(/Ready with 1 threads for default$/m);
  });

  it.each([0, 1])('prints one line when its port or the page’s is taken (port + %s)', async (offset) => {
    const port = await freePair();
    const { close } = await takenPort(port + offset);
    const TMPDIR = tempFolder();
    const dyno = startDyno({ command: script, cwd: repo, env: { PORT: String(port), TMPDIR } });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(dyno.output).toMatch(new RegExp(`^mstdn-supervise: .*port ${port + offset} is in use.*--port.*\n`, 'm'));
    await expectNothingLeft(dyno, TMPDIR);
    await close();
  });

  it.each([
    [{ PORT: 'http' }, [], 78, /PORT=http: expected a port/],
    [{}, ['--nonsense'], 64, /--nonsense[^]*mstdn-supervise dev --help/],
    [{}, ['--dir', '/no/such/folder'], 78, /--dir \/no\/such\/folder: no such folder/],
    [{}, ['--only', 'cron'], 78, /cron: no such process type in the Procfile, which has web, worker/],
    [{}, ['--procfile', '/no/such/file'], 78, /\/no\/such\/file/],
  ])('with %j and %j starts nothing', async (env, words, code, why) => {
    const TMPDIR = tempFolder();
    const dyno = startDyno({ command: [...script, ...words], cwd: repo, env: { TMPDIR, ...env } });
    expect(await dyno.exited).toEqual({ code, signal: null });
    expect(dyno.output).toMatch(why);
    expect(dyno.output).not.toContain('Release v1');
    await expectNothingLeft(dyno, TMPDIR);
  });

  it('runs in a clone whose path has spaces and quotes', async () => {
    const { dyno, port } = await startDev({}, { cwd: awkwardClone() });
    expect(await get({ host: '127.0.0.1', port }, '/health')).toMatchObject({ status: 200 });
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
  });
});

describe('mstdn-supervise dev', () => {
  const dev = (cwd: string, port: number, ...words: string[]): DynoOptions => ({
    command: [process.execPath, binary, 'dev', '--port', `${port}`, '--no-page', ...words],
    cwd,
  });

  it('prints its options with --help', async () => {
    const dyno = startDyno({ args: ['dev', '--help'] });
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toMatch(/^Usage: mstdn-supervise dev[^]*--rehearse/);
  });

  it('runs the real commands of a checkout, and prints that', async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'config'));
    for (const file of ['Gemfile', 'config/puma.rb', 'config/sidekiq.yml']) writeFileSync(join(folder, file), '');
    writeFileSync(join(folder, 'Procfile'), 'web: echo "in $PWD, on $PATH"; exec sleep 600\n');
    const dyno = startDyno(dev(folder, await freePort()));
    await dyno.waitForOutput(/^The Mastodon in .* runs here: http/m);
    await dyno.waitForOutput(new RegExp(`in ${folder}, on ${folder}/bin:${folder}/node_modules/\\.bin:`));
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual(ok);
  });

  it('exits with 1 when the release fails without a terminal', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'Procfile'), 'web: sleep 600\nrelease: exit 3\n');
    const dyno = startDyno(dev(folder, await freePort()));
    expect(await dyno.exited).toEqual({ code: 1, signal: null });
    expect(dyno.output).toContain('Release v1 failed');
    expect(dyno.output).not.toContain('web.1]: Starting');
  });

  it('ends a release on Ctrl-C, and boots nothing', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'Procfile'), 'web: sleep 600\nrelease: echo releasing; sleep 600\n');
    const dyno = startDyno(dev(folder, await freePort()));
    await dyno.waitForOutput(/app\[release\.1\]: releasing/);
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).not.toContain('web.1]: Starting');
    await dyno.gone();
  });
});

type Dev = { dyno: Dyno; port: number; folder: string };

/** Starts `npm run dev` and waits until the children are ready. folder: for its temporary files. */
async function startDev(
  env: Record<string, string> = {},
  options: DynoOptions = {},
  ready: readonly string[] = ['puma', 'sidekiq'],
): Promise<Dev> {
  const [port, folder] = [await freePair(), tempFolder()];
  const light = { STAND_IN_PUMA_MB: '0', STAND_IN_SIDEKIQ_MB: '0', STAND_IN_STREAMING_MB: '0' };
  const dyno = startDyno({
    command: script,
    cwd: repo,
    env: { PORT: String(port), TMPDIR: folder, STAND_IN_BOOT_MS: '100', ...light, ...env },
    ...options,
  });
  for (const child of ready) await dyno.waitForOutput(new RegExp(`${child} is ready after`));
  return { dyno, port, folder };
}

async function pidOf(dyno: Dyno, child: string): Promise<number> {
  const [, pid] = await dyno.waitForOutput(new RegExp(`${child} started: .*\\(pid (\\d+)\\)`));
  return Number(pid);
}

async function expectNothingLeft(dyno: Dyno, folder: string): Promise<void> {
  await dyno.gone();
  expect(readdirSync(folder).filter((name) => name.startsWith('mstdn-supervise-'))).toEqual([]);
}

/** A clone in a folder with spaces and quotes. Copies dist/ last: a dist/ older than its sources would be built again. */
function awkwardClone(): string {
  const clone = join(tempFolder(), `a "clone" of mine, isn't it $HOME`);
  mkdirSync(clone);
  symlinkSync(join(repo, 'node_modules'), join(clone, 'node_modules'));
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'Procfile', 'app.json'];
  for (const name of [...files, 'bin', 'scripts', 'src', 'dist']) {
    cpSync(join(repo, name), join(clone, name), { recursive: true });
  }
  return clone;
}
