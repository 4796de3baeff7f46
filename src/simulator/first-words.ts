import type { App } from './app.ts';

/** What runs and where, in the first line; then what the admin should know of it. */
export function firstWords({ standIns, folder, procfile, dynos, notes }: App, url: string): string {
  const what = standIns ? 'Stand-ins run here instead of Mastodon' : `The Mastodon in ${folder} runs here`;
  const names = dynos.map(({ name, quotaBytes }) => `${name} (${Math.round(quotaBytes / 2 ** 20)}M)`);
  const first = `${what}: ${url} - ${names.join(', ')} of ${procfile}; Ctrl-C stops it`;
  return [first, ...notes.map((note) => `Note: ${note}`)].join('\n');
}
