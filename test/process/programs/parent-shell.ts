import { writeSync } from 'node:fs';
import { readParent, whenParentShellEnds } from '../../../src/process/runtime.ts';

/** Prints a line when its parent shell has exited, and keeps running. With the argument `cancel` it exits at once, unless a timer keeps it. */
const print = (text: string): void => void writeSync(1, `${text}\n`);
const cancel = whenParentShellEnds(readParent(), () => print('shell ended'));
if (process.argv[2] === 'cancel') cancel();
else setInterval(() => {}, 60_000);
print('up');
