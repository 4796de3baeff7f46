import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDevOptions } from '../../src/simulator/options.ts';
import { copyProfile } from '../../src/simulator/platform/slug.ts';
import { startSimulation } from '../../src/simulator/start-simulation.ts';
import { checkout } from '../real/instance.ts';
import { startRedis, type Database, type Redis } from '../real/services.ts';
import { freePort } from '../simulator/free-port.ts';
import { home, Seen } from './simulation.ts';

/** Ruby needs some seconds to boot, so the platform's times cannot be much shorter. */
export const SCALE = 4;

/** As in Mastodon, every request but the health check requires HTTPS, uses the database and may enqueue a job. */
const AS_MASTODON = `Rails.application.configure do
  config.force_ssl = true
  config.ssl_options = { redirect: { exclude: ->(request) { request.path == '/health' } } }
end

Rails.application.routes.append do
  get '/notes', to: lambda { |env|
    ActiveRecord::Base.connection.execute("insert into notes (text) values ('a request')")
    NoteWorker.perform_async(0.1) if env['QUERY_STRING'] == 'with=job'
    [200, { 'Content-Type' => 'text/plain' }, [Rack::Request.new(env).url]]
  }
end
`;

const NOTE_WORKER = `class NoteWorker < RecordedWorker
  private

  def work(seconds)
    ActiveRecord::Base.connection.execute("insert into notes (text) values ('a job')")
    sleep(seconds)
  end
end
`;

/** A request that uses the database and enqueues a job. */
export const PATH_WITH_JOB = '/notes?with=job';

export type RealApp = { folder: string; redis: Redis; database: Database };

/** A checkout of the real app with the Procfile of a folder, its config vars in .env, and its own Redis. */
export async function realApp(database: Database, procfileOf: string): Promise<RealApp> {
  const folder = checkout();
  const redis = await startRedis();
  cpSync(join(procfileOf, 'Procfile'), join(folder, 'Procfile'));
  copyProfile(procfileOf, folder);
  cpSync(join(home, 'app.json'), join(folder, 'app.json'));
  const env = { REDIS_URL: redis.url, DATABASE_URL: database.url };
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
  const files = {
    '.env': lines.join(''),
    'config/initializers/as_mastodon.rb': AS_MASTODON,
    'app/workers/note_worker.rb': NOTE_WORKER,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return { folder, redis, database };
}

/** Simulates that checkout until the end of the test. */
export async function simulateReal({ folder }: RealApp): Promise<Seen> {
  const words = ['--dir', folder, '--time-scale', `${SCALE}`, '--port', `${await freePort()}`];
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  const env = { PATH, HOME, TMPDIR, LANG: 'C.UTF-8' };
  return new Seen(await startSimulation(parseDevOptions(words, []), { packageFolder: home, env }), folder);
}
