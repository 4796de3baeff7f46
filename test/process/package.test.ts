import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startDyno, tempFolder } from '../harness/dyno.ts';
import { nodes } from '../harness/nodes.ts';
import { events } from './dyno-fixture.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The packed package in an empty folder, installed as npm would, without running any of its scripts. */
async function install(): Promise<string> {
  const folder = tempFolder();
  const packed = await execa('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
  });
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  expect(files.length).toBeLessThanOrEqual(60);
  expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['dist/LICENSES.txt', 'docs/termination.md']));
  const into = join(folder, 'instance');
  await execa('npm', ['install', '--offline', '--ignore-scripts', '--prefix', into, join(folder, filename)]);
  return into;
}

test('the package works in an empty folder, and installs no other package', async () => {
  const folder = await install();
  expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    'mstdn-supervise',
  ]);
  const command = join(folder, 'node_modules/.bin/mstdn-supervise');
  const env = { MIGRATE_COMMAND: 'echo migrated', AFTER_MIGRATE_COMMAND: 'echo cleared', PUMA_COMMAND: 'sleep 1000' };
  for (const { path: node } of nodes) {
    const release = startDyno({ cwd: folder, env, command: [node, command, 'release'] });
    expect(await release.exited).toEqual({ code: 0, signal: null });
    expect(release.output).toMatch(/migrated[^]*cleared[^]*migrate and after-migrate done/);
    const web = startDyno({ cwd: folder, env, command: [node, command, 'web'] });
    await web.waitForOutput(/puma started/);
    web.signal('SIGTERM');
    expect(await web.exited).toEqual({ code: 0, signal: null });
  }
  const version = await execa(command, ['--version']);
  expect(version.stdout).toBe(
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
  );
});

test('supervise() from code runs a dyno, returns its exit code and restores the signal handlers', async () => {
  const folder = await install();
  writeFileSync(
    join(folder, 'use.mjs'),
    `import { supervise } from 'mstdn-supervise';
const before = process.listenerCount('SIGTERM');
const code = await supervise('web', { ...process.env, PUMA_COMMAND: "sh -c 'exit 7'" });
console.log('code', code, 'listeners', process.listenerCount('SIGTERM') - before);
await supervise('web', { PUMA_COMMAND: 'sleep 1', PORT: 'x' }).catch((error) => console.log(error.code, error.problems.length));
`,
  );
  const dyno = startDyno({ cwd: folder, command: [process.execPath, 'use.mjs'] });
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  expect(dyno.output).toContain('code 7 listeners 0');
  expect(dyno.output).toContain('SUPERVISE_CONFIG 1');
  expect(existsSync(join(folder, 'node_modules/mstdn-supervise/dist/api.d.ts'))).toBe(true);
});

test('a running dyno loads neither execa, dotenv, tree-kill nor the release', async () => {
  const script = `process.argv[2] = 'web';
process.on('exit', () => require('fs').writeSync(2, JSON.stringify(Object.keys(require.cache))));
require(${JSON.stringify(join(root, 'bin/mstdn-supervise.js'))});`;
  const dyno = startDyno({ command: [process.execPath, '-e', script, 'x'], env: { PUMA_COMMAND: "sh -c 'exit 3'" } });
  expect(await dyno.exited).toEqual({ code: 3, signal: null });
  const loaded = [...dyno.output.matchAll(/dist\/(\w[\w-]*)\.cjs/g)].map(([, name]) => name);
  expect(loaded.sort()).toEqual(['main', 'pino']);
  expect(events(dyno).at(-1)?.event).toBe('outcome');
});
