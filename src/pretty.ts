const COLOURS: Readonly<Record<string, string>> = {
  debug: '\u001b[2m',
  info: '',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

/** A line of JSON log as a person reads it on a terminal: `20:15:03 sidekiq is ready after 6.1 s`. */
export function pretty(json: string): string {
  const { time, level, msg } = JSON.parse(json) as { time: number; level: string; msg: string };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const colour = COLOURS[level] ?? '';
  return `\u001b[36m${clock} supervise\u001b[0m ${colour}${msg}${colour === '' ? '' : '\u001b[0m'}\n`;
}
