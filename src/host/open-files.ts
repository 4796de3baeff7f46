import { readShort } from './short-read.ts';

/** Where /proc does not say: what macOS gives. */
const OTHERWISE = 256;

/** How many files, sockets included, we may have open. Node has raised the soft limit to the hard one. */
export function mostOpenFiles(): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(readShort('/proc/self/limits'))?.[1];
  return soft === undefined ? OTHERWISE : soft === 'unlimited' ? Infinity : Number(soft);
}
