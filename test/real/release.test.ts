import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { startDyno, type Dyno, type DynoOptions } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { checkout, endOf, lastLine, majorVersionOf, withExit } from './instance.ts';
import { PASSWORD, postgresOfThisFile, type Database } from './services.ts';

const postgres = postgresOfThisFile();
const FIRST = '20260101000000';
const SECOND = '20260102000000';

test('a successful migration is recorded, the cache is cleared, and PORT is not set', async () => {
  const { dyno, database, cached } = start('works', 'create_table :more; say "PORT is #{ENV.fetch("PORT", "unset")}"');
  expect(await endOf(dyno)).toEqual(withExit(0));
  expect(versions(database)).toEqual([FIRST, SECOND]);
  expect(existsSync(cached)).toBe(false);
  expect(dyno.output).toContain('PORT is unset');
  expect(lastLine(dyno)).toMatch(/exit code 0$/);
});

test.each([
  { name: 'raises', body: 'create_table :more; execute "select 1 / 0"', code: 1 },
  { name: 'exits', body: 'create_table :more; exit 3', code: 3 },
])('a migration that $name: exit code $code, no new version, no further step', async ({ name, body, code }) => {
  const { dyno, database, cached } = start(name, body);
  expect(await endOf(dyno)).toEqual(withExit(code));
  expect(versions(database)).toEqual([FIRST]);
  expect(tables(database)).not.toContain('more');
  expect(existsSync(cached)).toBe(true);
  expect(lastLine(dyno)).toMatch(new RegExp(`migrate.*exit code ${code}$`));
});

const IN_QUERY =
  "select 1 from pg_stat_activity where state = 'active' and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()";

/** Rails 6.1 exits only after the query, so it is killed. Rails 7.2 stops waiting for the query. */
const IN_QUERY_CODE = majorVersionOf('railties') >= 7 ? 1 : 137;

test.each([
  { name: 'that exits', work: 'sleep', env: {}, code: 1 },
  {
    name: 'deep in a query',
    work: 'execute "select pg_sleep(600)"',
    env: { SUPERVISE_STOP_TIMEOUT: '4' },
    code: IN_QUERY_CODE,
  },
])(
  'SIGTERM to a migration $name: no new version, no further step, exit code $code',
  async ({ name, work, env, code }) => {
    const { dyno, database, cached } = start(
      name.replaceAll(' ', '_'),
      `create_table :more; say "asleep"; ${work}`,
      env,
    );
    await dyno.waitForOutput(/asleep/);
    if (work.includes('pg_sleep')) await eventually(() => expect(database.rows(IN_QUERY)).toHaveLength(1));
    dyno.signal('SIGTERM');
    expect(await endOf(dyno)).toEqual(withExit(code));
    expect(versions(database)).toEqual([FIRST]);
    expect(tables(database)).not.toContain('more');
    expect(existsSync(cached)).toBe(true);
  },
);

test('two releases at once: one migrates, the other fails and says why', async () => {
  const first = start('twice', 'create_table :more; say "waiting"; sleep 0.1 until Rails.root.join("tmp/go").exist?');
  await first.dyno.waitForOutput(/waiting/);
  const second = run(first.folder, first.database);
  expect(await endOf(second)).toEqual(withExit(1));
  expect(second.output).toContain('another migration process is currently running');
  expect(lastLine(second)).toMatch(/migrate.*exit code 1$/);
  expect(versions(first.database)).toEqual([FIRST]);
  writeFileSync(join(first.folder, 'tmp/go'), '');
  expect(await endOf(first.dyno)).toEqual(withExit(0));
  expect(versions(first.database)).toEqual([FIRST, SECOND]);
});

test('RUN_STREAMING=true: this app does not migrate', async () => {
  const { dyno, database } = start('streaming', 'create_table :more', { RUN_STREAMING: 'true' });
  expect(await endOf(dyno)).toEqual(withExit(0));
  expect(dyno.output).toContain('Not migrating on this app');
  expect(versions(database)).toEqual([FIRST]);
});

type Release = { dyno: Dyno; database: Database; folder: string; cached: string };

/** A release with this second migration, on a database on which the first one has run. */
function start(name: string, migration: string, env: DynoOptions['env'] = {}): Release {
  const folder = checkout();
  const database = migrated(folder, name);
  addMigration(folder, migration);
  const cached = join(folder, 'tmp/cache/page');
  mkdirSync(cached, { recursive: true });
  return { dyno: run(folder, database, env), database, folder, cached };
}

function run(cwd: string, database: Database, env: DynoOptions['env'] = {}): Dyno {
  const base = { RAILS_ENV: 'production', DATABASE_URL: database.url, PORT: '5000' };
  const dyno = startDyno({ args: ['release'], cwd, env: { ...base, ...env } });
  onTestFinished(() => expect(dyno.output).not.toContain(PASSWORD));
  return dyno;
}

let template: Database | undefined;

/** A database of this name on which the app's own migration has run. */
function migrated(folder: string, name: string): Database {
  if (!template) {
    template = postgres.create('migrated');
    const env = { ...process.env, RAILS_ENV: 'production', DATABASE_URL: template.url };
    execFileSync('bundle', ['exec', 'rails', 'db:migrate'], { cwd: folder, env, stdio: 'pipe' });
  }
  return postgres.create(name, 'migrated');
}

function addMigration(folder: string, body: string): void {
  const lines = ['class SecondMigration < ActiveRecord::Migration[6.1]', 'def up', body, 'end', 'end', ''];
  writeFileSync(join(folder, `db/migrate/${SECOND}_second_migration.rb`), lines.join('\n'));
}

function versions(database: Database): string[] {
  return database.rows('select version from schema_migrations order by version');
}

function tables(database: Database): string[] {
  return database.rows("select tablename from pg_tables where schemaname = 'public'");
}
