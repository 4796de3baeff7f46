import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Command -> stand-in. */
const STAND_INS = { puma: 'puma', sidekiq: 'sidekiq', rails: 'rails', rake: 'rails' } as const;

const BUNDLE_SCRIPT = `#!/bin/sh
# Stands in for bundler, of which a dyno needs no more than this.
if [ "$1" = exec ] && [ $# -gt 1 ]; then
  shift
  command -v "$1" > /dev/null || { echo "bundler: command not found: $1" >&2; exit 127; }
  exec "$@"
fi
echo "bundle: no Ruby here, a stand-in that knows no more than 'bundle exec COMMAND'; asked for: bundle $*" >&2
exit 1
`;

/** Writes the commands of a dyno into a folder for PATH: bundle, puma, sidekiq, rails, rake and mstdn-supervise.
 * Each script execs its program, which keeps its pid and signals. */
export function writeCommands(packageFolder: string, folder: string): void {
  const add = (name: string, text: string): void => writeFile(join(folder, name), text, 0o755);
  add('bundle', BUNDLE_SCRIPT);
  add('mstdn-supervise', launchScript(join(packageFolder, 'bin/mstdn-supervise.js')));
  for (const [name, standIn] of Object.entries(STAND_INS)) add(name, launchScript(standInFile(packageFolder, standIn)));
}

/** Writes the files that commands look for in a slug of Mastodon. */
export function writeSlug(packageFolder: string, folder: string): void {
  const streaming = pathToFileURL(standInFile(packageFolder, 'streaming')).href;
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const files = { ...SLUG_FILES, 'streaming/index.js': `import ${JSON.stringify(streaming)};\n` };
  for (const [name, text] of Object.entries(files)) writeFile(join(folder, name), text, 0o644);
}

/** Part of Mastodon's config/sidekiq.yml. */
export const MASTODON_QUEUES = `:queues:
  - [default, 8]
  - [push, 6]
  - [ingress, 4]
  - [mailers, 2]
  - [pull]
  - [scheduler]
  - [fasp]
`;

/** The text follows Mastodon's own files where it is read: the supervisor's plan reads the queues. */
const SLUG_FILES = {
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
${MASTODON_QUEUES}`,
  'streaming/package.json': '{ "type": "module", "main": "index.js" }\n',
};

function standInFile(packageFolder: string, name: string): string {
  return join(packageFolder, 'dist/simulator/stand-ins', `${name}.js`);
}

function launchScript(file: string): string {
  return `#!/bin/sh\nexec ${shellQuote(process.execPath)} ${shellQuote(file)} "$@"\n`;
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function writeFile(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
}

/** Read by the dyno's shell before the command. Part of the slug. */
const PROFILE_FILES = ['.profile', '.profile.d'];

export function copyProfile(from: string, to: string): void {
  for (const name of PROFILE_FILES) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true });
  }
}
