import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Command -> which stand-in it is. */
const STAND_INS = { puma: 'puma', sidekiq: 'sidekiq', rails: 'rails', rake: 'rails' } as const;

const BUNDLE = `#!/bin/sh
# Stands in for bundler, of which a dyno needs no more than this.
if [ "$1" = exec ] && [ $# -gt 1 ]; then
  shift
  command -v "$1" > /dev/null || { echo "bundler: command not found: $1" >&2; exit 127; }
  exec "$@"
fi
echo "bundle: no Ruby here, a stand-in that knows no more than 'bundle exec COMMAND'; asked for: bundle $*" >&2
exit 1
`;

/** Fills a folder for the front of PATH with the commands of a dyno: bundle, puma, sidekiq, rails, rake and ourselves.
 * home: the folder of this package. Each makes way for what it names, whose pid and signals are then its own. */
export function makeCommands(home: string, folder: string): void {
  const add = (name: string, text: string): void => put(join(folder, name), text, 0o755);
  add('bundle', BUNDLE);
  add('mstdn-supervise', script(join(home, 'bin/mstdn-supervise.js')));
  for (const [name, standIn] of Object.entries(STAND_INS)) add(name, script(standInFile(home, standIn)));
}

/** Fills a folder with what the commands of a dyno look for in a slug of Mastodon's. */
export function makeSlug(home: string, folder: string): void {
  const streaming = pathToFileURL(standInFile(home, 'streaming')).href;
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const files = { ...SLUG, 'streaming/index.js': `import ${JSON.stringify(streaming)};\n` };
  for (const [name, text] of Object.entries(files)) put(join(folder, name), text, 0o644);
}

/** In Mastodon's own words where somebody reads them: our plan the queues, a person the rest. */
const SLUG = {
  Gemfile: "# A stand-in for Mastodon's: no gem is installed.\n",
  'config/environment.rb': '# A stand-in: nothing is loaded.\n',
  'config/puma.rb': `# What Mastodon's says, and what the stand-in for puma does. It reads the variables, not this file.
persistent_timeout ENV.fetch('PERSISTENT_TIMEOUT') { 20 }.to_i
max_threads_count = ENV.fetch('MAX_THREADS') { 5 }.to_i
threads ENV.fetch('MIN_THREADS') { max_threads_count }.to_i, max_threads_count
if ENV['SOCKET']
  bind "unix://#{ENV['SOCKET']}"
else
  bind "tcp://#{ENV.fetch('BIND', '127.0.0.1')}:#{ENV.fetch('PORT', 3000)}"
end
workers ENV.fetch('WEB_CONCURRENCY') { 2 }.to_i
preload_app!
`,
  'config/sidekiq.yml': `---
:concurrency: 5
:queues:
  - [default, 8]
  - [push, 6]
  - [ingress, 4]
  - [mailers, 2]
  - [pull]
  - [scheduler]
  - [fasp]
`,
  'streaming/package.json': '{ "type": "module", "main": "index.js" }\n',
};

function standInFile(home: string, name: string): string {
  return join(home, 'dist/simulator/stand-ins', `${name}.js`);
}

function script(file: string): string {
  return `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(file)} "$@"\n`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function put(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
}
