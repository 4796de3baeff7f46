import { writeSync } from 'node:fs';
import { readParent, whenParentShellEnds } from '../../../src/process/parent-shell.ts';

/** Tells when its shell is gone, and stays; with `forget` it leaves at once, unless something holds it. */
const say = (text: string): void => void writeSync(1, `${text}\n`);
const forget = whenParentShellEnds(readParent(), () => say('shell ended'));
if (process.argv[2] === 'forget') forget();
else setInterval(() => {}, 60_000);
say('up');
