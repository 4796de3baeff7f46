import type { App } from './app.ts';

/** What runs and where, in the first line; then what the admin should know of it. */
export function firstWords(app: App, url: string, pageUrl: string | null): string {
  const { standIns, folder, procfile, dynos, notes } = app;
  const what = standIns ? 'Stand-ins run here instead of Mastodon' : `The Mastodon in ${folder} runs here`;
  const names = dynos.map(({ name, quotaBytes }) => `${name} (${Math.round(quotaBytes / 2 ** 20)}M)`);
  const page = pageUrl === null ? '' : `; watch it on ${pageUrl}`;
  const first = `${what}: ${url} - ${names.join(', ')} of ${procfile}${page}; Ctrl-C stops it`;
  return [first, ...notes.map((note) => `Note: ${note}`)].join('\n');
}
