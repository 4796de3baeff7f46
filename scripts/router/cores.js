// Who runs on which core.
import { readFileSync } from 'node:fs';

/** The cores that we may use. */
export function coresOfThisMachine() {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** The command, kept on these cores; on any where none are named. */
export function on(cores, command) {
  return cores === undefined ? command : ['taskset', '-c', `${cores}`, ...command];
}
