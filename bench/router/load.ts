// One round of load from one thread of wrk.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onCleanup } from '../cleanup.ts';
import { tickCpuMs } from '../dyno/process-usage.ts';
import { EDGE_HEADERS } from './edge-headers.ts';
import { pinTo } from './proxies.ts';
import type { Target } from './proxies.ts';

/** `core`: where wrk runs; `plain`: with no more headers than HTTP requires. */
export type LoadOptions = { path: string; connections: number; seconds: number; core?: number; plain?: boolean };
/** As report.lua prints it. */
type WrkReport = { requests: number; rps: number; p50Ms: number; p99Ms: number; errors: number };
/** `cpuUs`: CPU time of the target for each request, in microseconds; NaN for a target without a process. */
export type LoadResult = WrkReport & { cpuUs: number };

const REPORT = fileURLToPath(new URL('report.lua', import.meta.url));
/** A slower response counts as an error. puma with more kept connections than threads lets some wait for seconds. */
const TIMEOUT = '30s';

export async function runLoad({ port, pid }: Target, options: LoadOptions): Promise<LoadResult> {
  const { path, connections, seconds, core, plain = false } = options;
  const headers = plain ? [] : EDGE_HEADERS.flatMap((header) => ['-H', header]);
  const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', TIMEOUT, '-s', REPORT];
  const [file = '', ...args] = pinTo(core, ['wrk', ...shape, ...headers, `http://127.0.0.1:${port}${path}`]);
  const before = cpuMsOf(pid);
  const running = promisify(execFile)(file, args);
  const cancel = onCleanup(() => running.child.kill('SIGKILL'));
  const { stdout } = await running;
  cancel();
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as WrkReport;
  return { ...report, cpuUs: (1000 * (cpuMsOf(pid) - before)) / report.requests };
}

function cpuMsOf(pid: number | undefined): number {
  return pid === undefined ? NaN : tickCpuMs(pid);
}
