import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startDyno, tempFolder, type Dyno, type DynoOptions } from '../harness/dyno.ts';
import { freePort, takenPort } from '../simulator/free-port.ts';
import { get } from '../simulator/get.ts';

const repo = fileURLToPath(new URL('../..', import.meta.url));
const ok = { code: 0, signal: null };
const health = '/health';

describe('npm run dev', () => {
  it('says in its first line what runs, where, and how to play with it', async () => {
    const { dyno, port } = await startDev();
    const first = dyno.output.split('\n')[0];
    expect(first).toMatch(/^Stand-ins run here/);
    expect(first).toContain(`http://localhost:${port}/health`);
    expect(first).toMatch(/kill any pid named below.*Ctrl-C stops it/);
    expect(await get({ host: '127.0.0.1', port }, health)).toMatchObject({ status: 200, body: 'OK' });
  });

  it.each([
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
  ] as const)('shows why the dyno ends when sidekiq gets %s', async (name, code) => {
    const { dyno, folder } = await startDev();
    process.kill(await pidOf(dyno, 'sidekiq'), name);
    expect(await dyno.exited).toEqual({ code, signal: null });
    expect(dyno.output).toMatch(new RegExp(`sidekiq was (killed|ended) by ${name}.* after it started.*puma`));
    await nothingLeft(dyno, folder);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('stops in good order on %s', async (name) => {
    const { dyno, folder } = await startDev();
    dyno.signal(name);
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toContain('INFO: Bye!');
    await nothingLeft(dyno, folder);
  });

  it('takes the Ctrl-C of the terminal and the one that npm hands on for one', async () => {
    const { dyno } = await startDev({ STAND_IN_JOB_MS: '2000' });
    dyno.signal('SIGINT');
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toMatch(/Shutting down[^]*INFO: done[^]*Bye!/);
  });

  it('kills at once on a second Ctrl-C', async () => {
    const { dyno, port, folder } = await startDev({ STAND_IN_JOB_MS: '600000' });
    const inHand = get({ host: '127.0.0.1', port }, '/slow?seconds=2');
    await dyno.says(/Started GET "\/slow/);
    dyno.signal('SIGINT');
    expect(await inHand).toMatchObject({ status: 200 });
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual({ code: 137, signal: null });
    expect(dyno.output).toContain('sidekiq had to be killed');
    await nothingLeft(dyno, folder);
  });

  it('stops on a Ctrl-C typed into a terminal that runs npm, with a log for people', async () => {
    const command = ['script', '-qec', 'exec npm run dev', '/dev/null'] as const;
    const { dyno, folder } = await startDev({ STAND_IN_JOB_MS: '2000' }, { command, stdio: 'pipe' });
    await dyno.says(/INFO: start/);
    expect(dyno.output).toMatch(/sidekiq is ready after/);
    expect(dyno.output).not.toContain('"msg"');
    dyno.child.stdin?.write('\x03');
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toMatch(/Shutting down[^]*INFO: done[^]*Bye![^]*exit code 0/);
    await nothingLeft(dyno, folder);
  });

  it('stops when npm alone gets TERM', async () => {
    const { dyno, folder } = await startDev({}, { command: ['npm', 'run', 'dev'] });
    dyno.signal('SIGTERM');
    expect(await dyno.exited).toEqual(ok);
    expect(dyno.output).toContain('INFO: Bye!');
    await nothingLeft(dyno, folder);
  });

  it('runs streaming instead of puma with RUN_STREAMING=true', async () => {
    const { dyno, port } = await startDev({ RUN_STREAMING: 'true' }, {}, ['streaming', 'sidekiq']);
    expect(dyno.output.split('\n')[0]).toContain(`http://localhost:${port}/api/v1/streaming/health`);
    const address = { host: '127.0.0.1', port };
    expect(await get(address, '/api/v1/streaming/health')).toMatchObject({ status: 200, body: 'OK' });
    expect(dyno.output).not.toContain('Puma starting');
  });

  it('hands the variables of the user on', async () => {
    const { dyno } = await startDev({ SIDEKIQ_PROCESSES: '2 1:default', RUN_SCHEDULE: '' }, {}, ['puma']);
    await dyno.says(/Ready with 2 threads for default, push, ingress, mailers, pull, scheduler, fasp/);
    await dyno.says(/Ready with 1 threads for default$/m);
  });

  it('says in one line that the port is taken', async () => {
    const { port, close } = await takenPort();
    const dyno = startDyno({ command: [process.execPath, 'scripts/dev.js'], cwd: repo, env: { PORT: String(port) } });
    expect(await dyno.exited).toEqual({ code: 1, signal: null });
    expect(dyno.output).toBe(`npm run dev: port ${port} is taken; another one: PORT=${port + 1} npm run dev\n`);
    await close();
  });

  it('leaves a wrong setting to the supervisor', async () => {
    const TMPDIR = tempFolder();
    const env = { PORT: 'http', TMPDIR };
    const dyno = startDyno({ command: [process.execPath, 'scripts/dev.js'], cwd: repo, env });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(dyno.output).toContain('PORT');
    await nothingLeft(dyno, TMPDIR);
  });

  it('runs in a clone whose path has spaces and quotes', async () => {
    const { dyno, port } = await startDev({}, { cwd: awkwardClone() });
    expect(await get({ host: '127.0.0.1', port }, health)).toMatchObject({ status: 200 });
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
  });
});

type Dev = { dyno: Dyno; port: number; folder: string };

/** `npm run dev` once the children are ready; `folder` is where it makes its temporary ones. */
async function startDev(
  env: Record<string, string> = {},
  options: DynoOptions = {},
  ready: readonly string[] = ['puma', 'sidekiq'],
): Promise<Dev> {
  const [port, folder] = [await freePort(), tempFolder()];
  const dyno = startDyno({
    command: [process.execPath, 'scripts/dev.js'],
    cwd: repo,
    env: { PORT: String(port), TMPDIR: folder, STAND_IN_BOOT_MS: '100', ...env },
    ...options,
  });
  for (const child of ready) await dyno.says(new RegExp(`${child} is ready after`));
  return { dyno, port, folder };
}

async function pidOf(dyno: Dyno, child: string): Promise<number> {
  const [, pid] = await dyno.says(new RegExp(`${child} started: .*\\(pid (\\d+)\\)`));
  return Number(pid);
}

async function nothingLeft(dyno: Dyno, folder: string): Promise<void> {
  await dyno.gone();
  expect(readdirSync(folder).filter((name) => name.startsWith('mstdn-supervise-dev-'))).toEqual([]);
}

/** dist/ last: it is fresh when it is no older than its sources. */
function awkwardClone(): string {
  const clone = join(tempFolder(), `a "clone" of mine, isn't it $HOME`);
  mkdirSync(clone);
  symlinkSync(join(repo, 'node_modules'), join(clone, 'node_modules'));
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.types.json'];
  for (const name of [...files, 'bin', 'scripts', 'src', 'dist']) {
    cpSync(join(repo, name), join(clone, name), { recursive: true });
  }
  return clone;
}
