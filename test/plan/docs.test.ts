import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli.ts';
import { readSettings, SETTINGS } from '../../src/config/settings.ts';
import { warningsOf } from './checkout.ts';

type AppJson = {
  formation: Record<string, { quantity: number; size: string }>;
  buildpacks: { url: string }[];
  addons: { plan: string }[];
  env: Record<string, { description: string; value?: string; required: boolean }>;
};

const NAMES = Object.keys(SETTINGS);
const GENERATED = ['docs/settings.md', 'README.md', 'app.json'];

function read(name: string, folder = '.'): string {
  return readFileSync(join(folder, name), 'utf8');
}

function appJson(): AppJson {
  return JSON.parse(read('app.json')) as AppJson;
}

/** The cells of the table rows that start with a variable; only between the markers, if there are any. */
function table(markdown: string): string[][] {
  const [, marked = markdown] = /<!-- settings -->([^]*)<!-- \/settings -->/.exec(markdown) ?? [];
  return marked
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('\\|', '|')));
}

describe.each(['docs/settings.md', 'README.md'])('%s', (name) => {
  test('has exactly the settings in its table', () => {
    expect(table(read(name))).toEqual(
      Object.entries(SETTINGS).map(([variable, { byDefault, doc }]) => [`\`${variable}\``, byDefault || 'unset', doc]),
    );
  });
});

describe('app.json', () => {
  test('describes every variable that a user may set', () => {
    const { env } = appJson();
    const platforms = ['PORT', 'BIND', 'SOCKET', 'WEB_CONCURRENCY_SET_BY'];
    expect(Object.keys(env)).toEqual(NAMES.filter((name) => !platforms.includes(name)));
    const short = Object.values(env).filter(({ description, required }) => !/^.{15,}$/.test(description) || required);
    expect(short).toEqual([]);
  });

  test('starts with valid values that cause no warnings', () => {
    const { env } = appJson();
    const values = Object.fromEntries(Object.entries(env).map(([name, { value }]) => [name, value]));
    expect(readSettings(values).problems).toEqual([]);
    expect(readSettings(values).settings).toMatchObject({ RUN_WORKER: true, WEB_CONCURRENCY: 0 });
    expect(warningsOf('web', values)).toEqual([]);
  });

  test('has the buildpacks and add-ons that Mastodon needs', () => {
    const { buildpacks, addons } = appJson();
    expect(buildpacks.map(({ url }) => url)).toEqual([
      'https://github.com/heroku/heroku-buildpack-apt',
      'heroku/nodejs',
      'heroku/ruby',
    ]);
    expect(addons.map(({ plan }) => plan.split(':')[0])).toEqual(['heroku-postgresql', 'heroku-redis']);
  });

  test('the Procfile runs mstdn-supervise for each process type, and the formation uses these types', () => {
    const lines = read('Procfile').trim().split('\n');
    const types = lines.map((line) => line.slice(0, line.indexOf(':')));
    expect(lines).toEqual(types.map((type) => `${type}: mstdn-supervise ${type}`));
    expect(types).toEqual(['web', 'worker', 'release']);
    expect(types.map((type) => parseCommandLine([type]))).toEqual(
      types.map((role) => ({ kind: 'run', role, envFile: null })),
    );
    expect(types).toEqual(expect.arrayContaining(Object.keys(appJson().formation)));
  });
});

describe('npm run docs', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-test-'));
    for (const name of GENERATED) cpSync(name, join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function docs(...words: string[]): { status: number | null; stderr: string } {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/docs.js', ...words], { encoding: 'utf8' });
    return { status, stderr };
  }

  test('changes nothing: the files are up to date', () => {
    expect(docs('--check')).toEqual({ status: 0, stderr: '' });
  });

  test.each([
    ['docs/settings.md', 'exactly `true`', 'true'],
    ['README.md', 'number of threads of a sidekiq process', 'threads'],
    ['app.json', 'Number of threads of a sidekiq process', 'Threads'],
  ])('updates %s if it differs, and --check fails', (name, right, wrong) => {
    const before = read(name, folder);
    expect(before).toContain(right);
    writeFileSync(join(folder, name), before.replace(right, wrong));
    expect(docs('--check', folder)).toEqual({
      status: 1,
      stderr: `out of date, run \`npm run docs\`: ${name}\n`,
    });
    expect(docs(folder).status).toBe(0);
    expect(read(name, folder)).toBe(before);
  });

  test('keeps the text outside of the table', () => {
    const custom = {
      readme: '# Mine\n\n<!-- settings -->\n<!-- /settings -->\n\nBelow.\n',
      app: { name: 'mine', env: { OLD: {} } },
    };
    writeFileSync(join(folder, 'README.md'), custom.readme);
    writeFileSync(join(folder, 'app.json'), JSON.stringify(custom.app));
    expect(docs(folder).status).toBe(0);
    expect(read('README.md', folder)).toMatch(
      /^# Mine\n\n<!-- settings -->\n\n\| variable[^]*\|\n\n<!-- \/settings -->\n\nBelow\.\n$/,
    );
    expect(JSON.parse(read('app.json', folder))).toEqual({ name: 'mine', env: appJson().env });
  });

  test('fails if README.md has no markers', () => {
    writeFileSync(join(folder, 'README.md'), '# Mine\n');
    const { status, stderr } = docs(folder);
    expect(status).not.toBe(0);
    expect(stderr).toContain('README.md needs a line <!-- settings --> and after it a line <!-- /settings -->');
  });
});
