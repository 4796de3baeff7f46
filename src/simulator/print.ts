import { clock } from '../process/clock.ts';
import { Output } from '../output/output.ts';

const PRINT_AT_MOST_MS = 10_000;

/** Writes to stdout or stderr and waits until it is written, ten seconds at most. Not by process.stdout, which would make a
 * pipe non-blocking for all who share it. */
export async function print(fd: 1 | 2, text: string): Promise<void> {
  const output = new Output(fd, clock, () => '');
  await output.writeFromChild(Buffer.from(text));
  await output.close(PRINT_AT_MOST_MS);
}
