// The simulator around real parts: rails, puma, sidekiq, Redis and PostgreSQL.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startLoad } from '../../src/simulator/edge/load.ts';
import { banner } from '../../src/simulator/ui.ts';
import { JobLog } from '../../src/simulator/rehearsal/job-log.ts';
import { findDatabase, candidatePids, readConnections } from '../../src/simulator/rehearsal/connections.ts';
import { eventually } from '../harness/eventually.ts';
import { enqueue, expectNoneLost, inHand, queued, runs } from '../real/jobs.ts';
import { postgresOfThisFile, type Database } from '../real/services.ts';
import { freePort } from '../simulator/free-port.ts';
import { PATH_WITH_JOB, realApp, simulateReal, type RealApp } from './real-app.ts';
import { home, type Seen } from './simulation.ts';

const postgres = postgresOfThisFile(await freePort());
const MEBIBYTE = 2 ** 20;
/** Waits for a word, its connection open. */
const SLOW_MIGRATION = `class SlowMigration < ActiveRecord::Migration[6.1]
  def up
    sleep 0.1 until Rails.root.join('tmp/go').exist?
  end
end
`;

type Real = RealApp & { simulation: Seen; jobs: JobLog };

/** Our Procfile in a checkout, puma and sidekiq at work. */
async function start(name: string): Promise<Real> {
  const app = await realApp(postgres.create(name), home);
  const simulation = await simulateReal(app);
  const jobs = new JobLog();
  simulation.running.onLine(({ source, text }) => {
    if (source === 'app') jobs.addLine(text);
  });
  await simulation.says(/sidekiq is ready after/);
  return { ...app, simulation, jobs };
}

test('the checkout itself runs: rails migrates, puma answers, sidekiq works', async () => {
  const { simulation, jobs, redis, database, folder } = await start('works');
  expect(banner(simulation.running.app(), simulation.url, null)).toMatch(
    `The Mastodon in ${folder} runs here: ${simulation.url}`,
  );
  expect(database.rows('select version from schema_migrations')).toEqual(['20260101000000']);
  await simulation.says(/app\[release\.1\]: == 20260101000000 CreateNotes: migrated/);
  const reply = await fetch(`${simulation.url}/notes?with=job`, { redirect: 'manual' });
  expect(reply.status).toBe(200); // and no redirect to https, from which force_ssl knows it to be
  expect(await reply.text()).toBe(`${simulation.url.replace('http:', 'https:')}/notes?with=job`);
  enqueue(redis, 9, 'NoteWorker', 0.1);
  await eventually(() => expect(runs(redis, 'finished')).toHaveLength(10));
  await eventually(() => expect([jobs.started, jobs.done, jobs.lost()]).toEqual([10, 10, 0]));
  expect(database.rows('select text, count(*) from notes group by text order by text')).toEqual([
    'a job|10',
    'a request|1',
  ]);
  await eventually(() => {
    const tree = simulation.dyno().runs[0]?.processes ?? [];
    expect(tree.map(({ label: label, depth }) => `${depth} ${label}`)).toEqual(['0 supervisor', '1 puma', '1 sidekiq']);
    for (const { label: label, bytes } of tree)
      expect(bytes, label).toBeGreaterThan((label === 'supervisor' ? 5 : 30) * MEBIBYTE);
  });
});

test('a deploy under load: no request lost, no job lost, and the log counts them as the app does', async () => {
  const { simulation, jobs, redis } = await start('deploys');
  const long = enqueue(redis, 1, 'RecordedWorker', 600);
  await inHand(redis, 1);
  const load = startLoad({ url: simulation.url, path: PATH_WITH_JOB, perSecond: 5 });
  await eventually(() => expect(load.answered).toBeGreaterThan(5));
  const before = simulation.dyno().runs[0]?.id;
  expect(await simulation.running.act({ type: 'deploy' })).toEqual({ ok: true, text: 'v2 is deployed' });
  await eventually(() => expect(simulation.dyno().runs).toHaveLength(2));
  // The long job went back to its queue, and the new sidekiq has it.
  await eventually(() => expect(runs(redis, 'started').filter((id) => id === long[0])).toHaveLength(2));
  await eventually(() => expect(simulation.dyno().runs.map(({ phase }) => phase)).toEqual(['up']));
  expect(simulation.dyno().runs[0]?.id).not.toBe(before);
  expect(simulation.exits()).toEqual([{ status: 0, orphans: 0 }]);
  const { answered, failures } = await load.stop();
  expect(failures).toEqual([]);
  await eventually(() => expect(runs(redis, 'finished')).toHaveLength(answered));
  expect(new Set(runs(redis, 'finished')).size).toBe(answered);
  expect(queued(redis)).toEqual([]);
  const { pid } = simulation.process('sidekiq');
  await eventually(() => {
    const { done, started, failed, returned } = jobs;
    const lost = jobs.lost((owner) => owner === pid);
    const inHandNow = jobs.lost() - lost;
    expect({ done, started, failed, returned, lost, inHandNow }).toEqual({
      done: answered,
      started: runs(redis, 'started').length,
      failed: 0,
      returned: 1,
      lost: 0,
      inHandNow: 1,
    });
  });
});

test('sidekiq killed: status 137, the dyno up again; what it had in hand is lost, and counted', async () => {
  const { simulation, jobs, redis } = await start('crashes');
  const lost = enqueue(redis, 2, 'RecordedWorker', 600);
  await inHand(redis, 2);
  await eventually(() => expect(jobs.lost()).toBe(2));
  const { pid } = simulation.process('sidekiq');
  await simulation.running.act({ type: 'kill', pid, signal: 'SIGKILL' });
  await simulation.says(
    /heroku\[web\.1\]: Process exited with status 137\nheroku\[web\.1\]: State changed from up to crashed/,
  );
  expect(simulation.exits()).toEqual([{ status: 137, orphans: 0 }]);
  await eventually(() => expect(simulation.process('sidekiq').pid).not.toBe(pid));
  await simulation.is('up');
  const next = enqueue(redis, 3, 'NoteWorker', 0.1);
  await eventually(() => expect(jobs.done).toBe(3));
  expectNoneLost(redis, next);
  expect(runs(redis, 'started').filter((id) => lost.includes(id))).toHaveLength(2);
  expect(jobs.lost()).toBe(2);
});

test("database connections are counted from outside as PostgreSQL's own view counts them", async () => {
  const { simulation, redis, database, folder } = await start('connects');
  const pids = (): number[] => candidatePids(simulation.running.view());
  const place = await findDatabase(pids());
  const agree = (least: number): Promise<void> =>
    eventually(() => {
      const peak = backends(database);
      expect(readConnections(pids(), place)).toEqual({ kind: 'seen', peak });
      expect(peak).toBeGreaterThanOrEqual(least);
    });
  await agree(0);
  await fetch(`${simulation.url}/notes`);
  await agree(1);
  enqueue(redis, 2, 'NoteWorker', 600); // in hand until the dyno is stopped, each with a connection of its own
  await agree(3);
  writeFileSync(join(folder, 'db/migrate/20260102000000_slow_migration.rb'), SLOW_MIGRATION);
  const deployed = simulation.running.act({ type: 'deploy' });
  await agree(4); // those of the migration with them
  writeFileSync(join(folder, 'tmp/go'), '');
  expect((await deployed).ok).toBe(true);
  expect(simulation.running.view().release).toEqual({ version: 2, state: 'succeeded' });
  await eventually(() => expect(simulation.dyno().runs).toHaveLength(2));
  await agree(2); // sidekiq's, of the old life or of the new one
  await eventually(() => expect(simulation.dyno().runs).toHaveLength(1));
  await fetch(`${simulation.url}/notes`);
  await agree(3);
});

/** Connections of the app: without our own, that asks. */
function backends(database: Database): number {
  const sql = 'select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
  return Number(database.rows(sql)[0]);
}
