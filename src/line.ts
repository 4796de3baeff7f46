export type Level = 'debug' | 'info' | 'warn' | 'error';
/** A line of our log before it is written, and how loud it is. */
export type Line = { level: Level; message: string };

export function info(message: string): Line {
  return { level: 'info', message };
}

export function warn(message: string): Line {
  return { level: 'warn', message };
}

export function error(message: string): Line {
  return { level: 'error', message };
}
