import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCommand } from '../../src/process/find-command.ts';
import { binary, startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { freePort } from '../simulator/free-port.ts';

const ok = { code: 0, signal: null };

describe('mstdn-supervise dev on a machine with faults', () => {
  it.each([
    ['a folder that is a file', (folder: string) => ['--dir', join(folder, 'Procfile')], /--dir .*: no such folder/],
    ['a Procfile that is a pipe', pipeAsProcfile, /pipe: not a file/],
  ])('starts nothing with %s', async (_, words, why) => {
    const folder = app({});
    const dyno = startDyno({ args: ['dev', ...words(folder)], cwd: folder });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(dyno.output).toMatch(why);
  });

  it('says what to do when there is no folder for temporary files', async () => {
    const folder = app({});
    const dyno = startDyno({ args: ['dev'], cwd: folder, env: { TMPDIR: join(folder, 'missing') } });
    expect(await dyno.exited).toEqual({ code: 78, signal: null });
    expect(dyno.output).toMatch(/^mstdn-supervise: no folder for temporary files: .*set TMPDIR\n/);
  });

  it('counts a dyno that this machine cannot start as crashed, and goes on', async () => {
    const TMPDIR = tempFolder();
    const dyno = await startDev(app({ Procfile: 'web: sleep 600\n' }), { PATH: withoutMkfifo(), TMPDIR });
    await dyno.waitForOutput(
      /cannot start: .*mkfifo[^]*exited with status 126[^]*State changed from starting to crashed/,
    );
    await dyno.waitForOutput(/State changed from crashed to starting[^]*State changed from starting to crashed/);
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
    expect(readdirSync(TMPDIR)).toEqual([]);
  });

  it('fails a release that this machine cannot start', async () => {
    const folder = app({ Procfile: 'web: sleep 600\nrelease: sleep 600\n' });
    const dyno = await startDev(folder, { PATH: withoutMkfifo() });
    expect(await dyno.exited).toEqual({ code: 1, signal: null });
    expect(dyno.output).toMatch(/app\[release\.1\]: cannot start: .*mkfifo[^]*Release v1 failed: .*status 126/);
  });

  it('kills a process that left its session and its environment, without waiting', async () => {
    const seconds = `6${process.pid}`; // unique to this test
    const stray = `require('child_process').spawn('sleep', ['${seconds}'], {detached: true, env: {}, stdio: 'inherit'}).unref()`;
    const dyno = await startDev(
      app({ Procfile: `web: env -i ${process.execPath} -e "${stray}"; echo strayed; sleep 600\n` }),
    );
    await dyno.waitForOutput(/web\.1\]: strayed/);
    dyno.signal('SIGINT');
    expect(await dyno.exited).toEqual(ok);
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toMatch(
      new RegExp(`^sleep ${seconds}$`, 'm'),
    );
  });

  it('exits with 0 when its terminal is closed', async () => {
    const folder = app({ Procfile: 'web: sleep 600\n' });
    // The shell of the terminal dies of the HUP. The kernel then sends HUP to the whole job, in which one shell survives.
    const words = `"${process.execPath}" "${binary}" dev --no-page --port ${await freePort()}`;
    const line = `sh -c 'trap : HUP; ${words}; echo $? > code'; true`;
    const command = ['script', '-qec', line, '/dev/null'] as const;
    const dyno = startDyno({ command, cwd: folder, env: { SHELL: '/bin/sh' }, stdio: ['pipe', 'pipe', 'pipe'] });
    await dyno.waitForOutput(/State changed from down to starting/);
    dyno.signal('SIGKILL');
    await eventually(() => expect(readFileSync(join(folder, 'code'), 'utf8')).toBe('0\n'));
    await dyno.gone();
  });
});

async function startDev(cwd: string, env: Record<string, string> = {}): Promise<Dyno> {
  const command = [process.execPath, binary, 'dev', '--no-page', '--port', `${await freePort()}`] as const;
  return startDyno({ command, cwd, env });
}

function app(files: Readonly<Record<string, string>>): string {
  const folder = tempFolder();
  for (const [name, text] of Object.entries({ Procfile: 'web: sleep 600\n', ...files }))
    writeFileSync(join(folder, name), text);
  return folder;
}

function pipeAsProcfile(folder: string): string[] {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  return ['--procfile', join(folder, 'pipe')];
}

/** A PATH with all other commands that a dyno needs. */
function withoutMkfifo(): string {
  const folder = join(tempFolder(), 'commands');
  mkdirSync(folder);
  for (const name of ['bash', 'sh', 'sleep']) {
    const found = findCommand(name, process.env.PATH, '/');
    if (!('path' in found)) throw new Error(`no ${name}`);
    symlinkSync(found.path, join(folder, name));
  }
  return folder;
}
