import { now } from './now.ts';

const EVERY_MS = 20;

/** How late a timer of ours came at most: what this machine adds to every moment that we measure. */
export function watchLag(): { most: () => number; stop: () => void } {
  let most = 0;
  let last = now();
  const look = (): void => {
    const at = now();
    most = Math.max(most, at - last - EVERY_MS);
    last = at;
  };
  const timer = setInterval(look, EVERY_MS);
  return { most: () => (look(), most), stop: () => clearInterval(timer) };
}
