import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/exit-status.ts';
import { type App, readApp } from '../../../src/simulator/platform/app.ts';
import { findRemoteData } from '../../../src/simulator/platform/remote-data.ts';
import { parseDevOptions } from '../../../src/simulator/options.ts';
import { tempFolder } from '../../harness/dyno.ts';

const problems = (vars: Record<string, string>): string[] => findRemoteData([{ name: '.env', vars }]);

describe('data on this machine', () => {
  it.each([
    ['DATABASE_URL', 'postgres://localhost/mastodon'],
    ['DATABASE_URL', 'postgresql://me:secret@127.0.0.1:5433/mastodon?sslmode=disable'],
    ['DATABASE_URL', 'POSTGRES://LOCALHOST/mastodon'],
    ['DATABASE_URL', 'postgres://127.3.2.1/mastodon'],
    ['DATABASE_URL', 'postgres://0.0.0.0/mastodon'],
    ['DATABASE_URL', 'postgres://me@[::1]:5432/mastodon'],
    ['DATABASE_URL', 'postgres://[0:0:0:0:0:0:0:1]/mastodon'],
    ['DATABASE_URL', 'postgres://[::ffff:127.0.0.1]/mastodon'],
    ['DATABASE_URL', 'postgres:///mastodon'],
    ['DATABASE_URL', 'postgres://me@/mastodon'],
    ['DATABASE_URL', 'postgres:///mastodon?host=/var/run/postgresql'],
    ['DATABASE_URL', 'postgres://me:secret@/mastodon?host=%2Fvar%2Frun%2Fpostgresql'],
    ['DATABASE_URL', 'postgres://%2Fvar%2Frun%2Fpostgresql/mastodon'],
    ['DATABASE_URL', 'postgres://localhost:5432,127.0.0.1:5433/mastodon'],
    ['REPLICA_DATABASE_URL', 'postgres://localhost/mastodon'],
    ['DB_HOST', 'localhost'],
    ['DB_HOST', '/var/run/postgresql'],
    ['DB_HOST', '::1'],
    ['DB_HOST', ''],
    ['REDIS_URL', 'redis://localhost:6379/1'],
    ['REDIS_URL', 'rediss://:secret@127.0.0.1:6380'],
    ['REDIS_URL', 'redis://'],
    ['REDIS_URL', 'unix:///run/redis.sock'],
    ['SIDEKIQ_REDIS_URL', 'unix://run/redis.sock?db=1'],
    ['REDIS_HOST', '[::1]'],
    ['REDIS_SENTINELS', 'localhost:26379,127.0.0.1,[::1]:26380'],
    ['PGHOST', '/var/run/postgresql,localhost'],
    ['PGHOSTADDR', '127.0.0.1'],
    ['ES_HOST', 'search.example'],
    ['MY_URL', 'postgres://db.example/mastodon'],
  ])('%s=%s', (name, value) => {
    expect(problems({ [name]: value })).toEqual([]);
  });
});

describe('data of another machine', () => {
  it.each([
    ['DATABASE_URL', 'postgres://me:secret@db.example.com:5432/mastodon', '"db.example.com"'],
    ['DATABASE_URL', 'postgres://10.0.0.5/mastodon', '"10.0.0.5"'],
    ['DATABASE_URL', 'postgres://[2001:db8::1]/mastodon', '"[2001:db8::1]"'],
    ['DATABASE_URL', 'postgres://localhost.example.com/mastodon', '"localhost.example.com"'],
    ['DATABASE_URL', 'postgres://localhost%2Eexample.com/mastodon', '"localhost.example.com"'],
    ['DATABASE_URL', 'postgres://127.0.0.1.example.com/mastodon', '"127.0.0.1.example.com"'],
    ['DATABASE_URL', 'postgres://2130706433/mastodon', '"2130706433"'],
    ['DATABASE_URL', 'postgres://localhost:5432,db.example.com:5432/mastodon', '"db.example.com"'],
    ['DATABASE_URL', 'postgres://localhost%2Cdb.example.com/mastodon', '"db.example.com"'],
    ['DATABASE_URL', 'postgres:///mastodon?host=db.example.com', '"db.example.com"'],
    ['DATABASE_URL', 'postgres://localhost/mastodon?host=db.example.com', '"db.example.com"'],
    ['DATABASE_URL', 'postgres://localhost/mastodon?host=localhost&host=db.example.com', '"db.example.com"'],
    ['DATABASE_URL', 'postgres://localhost/mastodon?hostaddr=10.0.0.5', '"10.0.0.5"'],
    ['DATABASE_URL', 'postgres://localhost?host=/run,db.example.com', '"db.example.com"'],
    ['DATABASE_URL', 'postgres://localhost:x/mastodon', '"localhost:x"'],
    ['PRIMARY_DATABASE_URL', 'postgres://db.example.com/mastodon', '"db.example.com"'],
    ['REPLICA_DATABASE_URL', 'postgres://db.example.com/mastodon', '"db.example.com"'],
    ['DB_HOST', 'db.example.com', '"db.example.com"'],
    ['DB_HOST', '/var/run/postgresql,db.example.com', '"db.example.com"'],
    ['REPLICA_DB_HOST', 'db.example.com', '"db.example.com"'],
    ['REDIS_URL', 'rediss://:secret@redis.example.com:6380/0', '"redis.example.com"'],
    ['REDIS_URL', 'redis:///0?host=redis.example.com', '"redis.example.com"'],
    ['SIDEKIQ_REDIS_URL', 'redis://redis.example.com', '"redis.example.com"'],
    ['CACHE_REDIS_URL', 'redis://redis.example.com', '"redis.example.com"'],
    ['REDIS_HOST', 'redis.example.com', '"redis.example.com"'],
    ['REDIS_HOST', 'secret@redis.example.com', '"[hidden]@redis.example.com"'],
    ['REDIS_HOST', '127.0.0.1:6379@redis.example.com', '"[hidden]@redis.example.com"'],
    ['SIDEKIQ_REDIS_HOST', 'redis.example.com', '"redis.example.com"'],
    ['CACHE_REDIS_HOST', 'redis.example.com', '"redis.example.com"'],
    ['REDIS_SENTINELS', 'localhost:26379,redis.example.com:26379', '"redis.example.com"'],
    ['SIDEKIQ_REDIS_SENTINELS', 'redis.example.com', '"redis.example.com"'],
    ['PGHOST', 'db.example.com', '"db.example.com"'],
    ['PGHOSTADDR', '10.0.0.5', '"10.0.0.5"'],
  ])('%s=%s', (name, value, hosts) => {
    const [line = '', ...more] = problems({ [name]: value });
    expect(more).toEqual([]);
    expect(line.startsWith(`${name} (.env) names ${hosts}; expected `)).toBe(true);
    expect(line).not.toContain('secret');
  });
});

describe('what cannot be read is refused, and not printed', () => {
  it.each([
    ['DATABASE_URL', 'secret'],
    ['DATABASE_URL', 'localhost/secret'],
    ['DATABASE_URL', 'mysql://localhost/secret'],
    ['DATABASE_URL', 'postgres:localhost/secret'],
    ['DATABASE_URL', ' postgres://localhost/secret'],
    ['DATABASE_URL', 'postgres://me:sec@ret@localhost/mastodon'],
    ['DATABASE_URL', 'postgres://localhost?secret@db.example.com/mastodon'],
    ['DATABASE_URL', 'postgres://localhost\\@db.example.com/secret'],
    ['DATABASE_URL', 'postgres://local%ZZhost/secret'],
    ['DATABASE_URL', 'postgres:///secret?service=production'],
    ['REDIS_URL', 'localhost:6379'],
    ['REDIS_URL', 'unix:/run/secret'],
    ['REDIS_URL', 'http://localhost/secret'],
    ['REDIS_URL', 'redis://:secret/x@localhost'],
    ['PGSERVICE', 'production'],
  ])('%s=%s', (name, value) => {
    const [line = '', ...more] = problems({ [name]: value });
    expect(more).toEqual([]);
    expect(line).toMatch(new RegExp(`^${name} \\(\\.env\\) (is|names) .*; expected `));
    expect(line).not.toContain('secret');
  });
});

describe('an app', () => {
  const CHECKOUT = { Gemfile: '', 'config/puma.rb': '', 'config/sidekiq.yml': '', Procfile: 'web: sleep 600\n' };
  const remote = 'DATABASE_URL=postgres://me:secret@db.example.com/mastodon\n';
  const appJson = JSON.stringify({ env: { REDIS_HOST: 'redis.example.com' } });

  function folderOf(files: Readonly<Record<string, string>>): string {
    const folder = tempFolder();
    mkdirSync(join(folder, 'config'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  }

  function read(
    files: Readonly<Record<string, string>>,
    env: NodeJS.ProcessEnv = {},
    words: string[] = [],
  ): Promise<App> {
    return readApp(parseDevOptions(['--dir', folderOf(files), ...words], []), env, process.cwd());
  }

  async function problemsOf(...app: Parameters<typeof read>): Promise<readonly string[]> {
    const error: unknown = await read(...app).then(
      () => null,
      (reason: unknown) => reason,
    );
    return error instanceof ConfigError ? error.problems : [];
  }

  it.each<[string, Record<string, string>, NodeJS.ProcessEnv]>([
    ['DATABASE_URL (.env)', { '.env': remote }, {}],
    ['DB_HOST (environment)', {}, { DB_HOST: 'db.example.com' }],
    ['REDIS_HOST (app.json)', { 'app.json': appJson }, {}],
    ['DATABASE_URL (.env.production)', { '.env.production': remote }, {}],
    ['DATABASE_URL (.env.production.local)', { '.env.production.local': remote }, {}],
    ['DATABASE_URL (.env.local)', { '.env.local': remote }, {}],
    ['DATABASE_URL (.env.staging)', { '.env.staging': remote }, { RAILS_ENV: 'staging' }],
    ['DATABASE_URL (.env)', { '.env': remote }, { DATABASE_URL: '' }],
  ])('that is a checkout is refused for %s', async (where, files, env) => {
    const lines = await problemsOf({ ...CHECKOUT, ...files }, env);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain(`  ${where} names "`);
    expect(lines[2]).toMatch(/--allow-remote-data/);
  });

  it('that is a checkout is told of all variables at once', async () => {
    const lines = await problemsOf({ ...CHECKOUT, '.env': remote, 'app.json': appJson }, { PGHOST: 'db.example.com' });
    expect(lines.map((line) => line.trim().split(' ')[0])).toEqual([
      'dev',
      'PGHOST',
      'DATABASE_URL',
      'REDIS_HOST',
      'point',
    ]);
  });

  it.each<[string, Record<string, string>, NodeJS.ProcessEnv, string[]]>([
    ['nothing set', CHECKOUT, {}, []],
    ['a file whose variables the environment overrides', { ...CHECKOUT, '.env.production': remote }, local(), []],
    ['stand-ins', { ...CHECKOUT, '.env': remote }, {}, ['--stand-ins']],
    ['no checkout', { Procfile: 'web: sleep 600\n', '.env': remote }, {}, []],
    ['--allow-remote-data', { ...CHECKOUT, '.env': remote }, {}, ['--allow-remote-data']],
  ])('is taken with %s', async (_, files, env, words) => {
    expect(await problemsOf(files, env, words)).toEqual([]);
  });

  it('says which data --allow-remote-data lets it use', async () => {
    const { notes } = await read({ ...CHECKOUT, '.env': remote }, {}, ['--allow-remote-data']);
    expect(notes).toEqual([expect.stringMatching(/^DATABASE_URL \(\.env\) names "db\.example\.com"/)]);
  });
});

function local(): NodeJS.ProcessEnv {
  return { DATABASE_URL: 'postgres://localhost/mastodon' };
}
