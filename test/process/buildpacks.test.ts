import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary, startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { freePort } from '../simulator/free-port.ts';
import { startWeb } from './dyno-fixture.ts';

/** An app whose app.json names these buildpacks and no config var. */
function app(...buildpacks: readonly string[]): string {
  const folder = tempFolder();
  writeFileSync(join(folder, 'Procfile'), 'web: mstdn-supervise plan web && exec mstdn-supervise web\n');
  writeFileSync(join(folder, 'app.json'), JSON.stringify({ buildpacks: buildpacks.map((url) => ({ url })) }));
  return folder;
}

async function startDev(cwd: string, options: readonly string[], env: Record<string, string> = {}): Promise<Dyno> {
  const command = [process.execPath, binary, 'dev', '--no-page', '--port', `${await freePort()}`, ...options] as const;
  const dyno = startDyno({ command, cwd, env: { STAND_IN_PUMA_MB: '0', STAND_IN_BOOT_MS: '100', ...env } });
  await dyno.waitForOutput(/puma is ready after/);
  return dyno;
}

const NOTE =
  'Note: the profile script of heroku/nodejs sets WEB_CONCURRENCY in every dyno, because no heroku/ruby comes after it';
const IGNORED = /WEB_CONCURRENCY=1 is ignored: the buildpack heroku\/nodejs set it/;

describe('WEB_CONCURRENCY in a simulated dyno of 512M', () => {
  test.each([
    ['heroku/nodejs,heroku/ruby', false],
    ['heroku/ruby,heroku/nodejs', true],
    ['heroku/nodejs', true],
  ])('from a buildpack is ignored with %s: puma runs in single mode', async (order, isSet) => {
    const dyno = await startDev(app(...order.split(',')), []);
    expect(dyno.output).toContain('Puma starting in single mode');
    expect(dyno.output.includes(NOTE)).toBe(isSet);
    expect(IGNORED.test(dyno.output)).toBe(isSet);
  });

  test('depends on --buildpacks rather than on app.json', async () => {
    const dyno = await startDev(app('heroku/nodejs', 'heroku/ruby'), ['--buildpacks', 'heroku/ruby,heroku/nodejs']);
    expect(dyno.output).toContain('Puma starting in single mode');
    expect(dyno.output).toMatch(IGNORED);
  });

  test('is used if the user has set it', async () => {
    const dyno = await startDev(app('heroku/nodejs'), [], { WEB_CONCURRENCY: '1' });
    expect(dyno.output).toContain('Puma starting in cluster mode');
    expect(dyno.output).not.toContain(NOTE);
    expect(dyno.output).not.toMatch(IGNORED);
  });
});

test.each([
  ['heroku/nodejs', '[0] []'],
  ['scalingo/nodejs', '[0] []'],
  ['heroku/ruby', '[1] [heroku/ruby]'],
])('with 512M and WEB_CONCURRENCY=1 set by %s the environment of puma has %s', async (marker, expected) => {
  const env = {
    PUMA_COMMAND: `sh -c 'echo "has [$WEB_CONCURRENCY] [$WEB_CONCURRENCY_SET_BY]"; exec sleep 600'`,
    SUPERVISE_MEMORY_QUOTA: '512M',
    WEB_CONCURRENCY: '1',
    WEB_CONCURRENCY_SET_BY: marker,
  };
  const dyno = startWeb('', 'ready', { env });
  const [, variables] = await dyno.waitForOutput(/^has (.*)$/m);
  expect(variables).toBe(expected);
});
