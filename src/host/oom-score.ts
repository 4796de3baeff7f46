import { writeFileSync } from 'node:fs';
import { readShort } from './short-read.ts';

const MOST = 1000;

/** Raises the oom_score_adj of a process to our own and that much more, in thousandths of all memory that the kernel takes
 * it to have beside its own when it looks for one to end; processes that it starts from then on inherit it. Anybody may
 * raise it, and nothing is lowered: an admin may have raised it higher. Where that cannot be, it stays as it is. */
export function raiseOomScore(pid: number, by: number): void {
  const file = `/proc/${pid}/oom_score_adj`;
  const wanted = Math.min(MOST, scoreIn('/proc/self/oom_score_adj') + by);
  if (!(wanted > scoreIn(file))) return; // NaN where there is no such file
  try {
    writeFileSync(file, String(wanted), { flag: 'r+' });
  } catch {
    // it ended this moment, or runs as somebody else
  }
}

function scoreIn(file: string): number {
  const text = readShort(file).trim();
  return text === '' ? NaN : Number(text);
}
