import { say } from './say.ts';

type Context = Readonly<Record<string, string | number>>;

/** One line as sidekiq's own logger writes it: without a time on a platform that sets DYNO. */
export function log(message: string, context: Context = {}, level: 'INFO' | 'WARN' = 'INFO'): void {
  const time = process.env.DYNO ? '' : `${new Date().toISOString()} `;
  const fields = Object.entries({ pid: process.pid, tid: 'main', ...context }).map(
    ([name, value]) => `${name}=${value}`,
  );
  say(`${time}${fields.join(' ')} ${level}: ${message}`);
}
