import { isatty } from 'node:tty';

/** Without making process.stdout, which would set O_NONBLOCK on a pipe that the children share. */
export function isTerminal(fd: number): boolean {
  return isatty(fd);
}
