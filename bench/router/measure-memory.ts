// Private memory of a proxy once it has settled: at rest, after load, and with idle WebSockets.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { privateMemory } from '../dyno/process-usage.ts';
import { median } from '../report/statistics.ts';
import { LoadClients } from './load-clients.ts';
import { runLoad } from './load.ts';
import type { Proxy } from './proxies.ts';

/** In bytes. */
export type LoadedMemory = { requests: number; errors: number; bytes: number };
/**
 * `bytes`: without clients, and with each number of them; `left`: after all have disconnected; `stayed`: clients that were never
 * disconnected; `each`: bytes for one client.
 */
export type CrowdMemory = { bytes: number[]; left: number; stayed: number; each: number };

const LOAD = { path: '/', connections: 16, seconds: 6 };
const POLL_MS = 500;
/** V8 returns memory 8 s after a full collection, in up to three steps, each as much later. */
const STILL_MS = 10_000;
const TIMEOUT_MS = 30_000;
/** A change of a smaller share counts as none. */
const STEADY = 0.01;

/** The median of several proxies that are alike. */
export async function medianSettled(proxies: readonly Proxy[]): Promise<number> {
  return median(await Promise.all(proxies.map(({ pid }) => settledMemory(pid))));
}

/** Puts load on one proxy after another; then measures all. */
export async function memoryAfterLoad<const Proxies extends readonly Proxy[]>(
  proxies: Proxies,
): Promise<{ [Index in keyof Proxies]: LoadedMemory }> {
  const loads = [];
  for (const proxy of proxies) loads.push({ proxy, ...(await runLoad(proxy, LOAD)) });
  const measured = loads.map(async ({ proxy, requests, errors }) => ({
    requests,
    errors,
    bytes: await settledMemory(proxy.pid),
  }));
  return (await Promise.all(measured)) as { [Index in keyof Proxies]: LoadedMemory };
}

/** `empty`: bytes without clients. */
export async function memoryWithClients(
  { pid, port }: Proxy,
  empty: number,
  sizes: readonly number[],
): Promise<CrowdMemory> {
  const clients = new LoadClients(port);
  const bytes = [empty];
  for (const size of sizes) {
    await clients.resize(size);
    bytes.push(await settledMemory(pid));
  }
  const most = sizes.at(-1) ?? 0;
  const stayed = await clients.resize(most);
  await clients.resize(0);
  const left = await settledMemory(pid);
  clients.stop();
  return { bytes, left, stayed, each: ((bytes.at(-1) ?? NaN) - empty) / most };
}

async function settledMemory(pid: number): Promise<number> {
  const deadline = performance.now() + TIMEOUT_MS;
  let [last, sinceMs] = [privateMemory(pid), performance.now()];
  while (performance.now() < Math.min(deadline, sinceMs + STILL_MS)) {
    await pause(POLL_MS);
    const reading = privateMemory(pid);
    if (Math.abs(reading - last) > STEADY * last) [last, sinceMs] = [reading, performance.now()];
  }
  return privateMemory(pid);
}
