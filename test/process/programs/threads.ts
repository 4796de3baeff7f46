import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

/** Starts one child from the main thread and one from each of two workers. */
const { pid = 0 } = spawn('sleep', ['1000']);
if (isMainThread) {
  const file = fileURLToPath(import.meta.url);
  const others = [1, 2].map(() => {
    const worker = new Worker(file);
    return new Promise<number>((resolve) => worker.once('message', resolve));
  });
  writeSync(1, `children ${[pid, ...(await Promise.all(others))].join(' ')}\n`);
} else {
  parentPort?.postMessage(pid);
}
