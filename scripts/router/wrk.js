// One round of load from one thread of wrk.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../quietly.js';
import { atEnd } from '../memory/ending.js';
import { on } from './cores.js';
import { edgeHeaders } from './edge.js';
import { cpuMsOf } from './processes.js';

const REPORT = join(root, 'scripts/router/report.lua');
/** What takes longer counts as an error; puma with more kept connections than threads lets some wait for seconds. */
const PATIENCE = '30s';

/** What wrk found (report.lua), and the CPU that `pid` took for each request, in microseconds, where there is one.
 * `cores`: where wrk runs; `plain`: with no more headers than HTTP demands. */
export async function loadOf({ port, pid }, { path, connections, seconds, cores, plain = false }) {
  const headers = plain ? [] : edgeHeaders().flatMap((header) => ['-H', header]);
  const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', PATIENCE, '-s', REPORT];
  const [file, ...args] = on(cores, ['wrk', ...shape, ...headers, `http://127.0.0.1:${port}${path}`]);
  const before = cpuMsOf(pid);
  const running = promisify(execFile)(file, args);
  atEnd(() => running.child.kill('SIGKILL'));
  const { stdout } = await running;
  const found = JSON.parse(stdout.trim().split('\n').at(-1));
  return { ...found, cpuUs: (1000 * (cpuMsOf(pid) - before)) / found.requests };
}
