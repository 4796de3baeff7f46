// The proxies under test, each in front of the same backends: the supervisor with its router, and Debian's nginx.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.js';
import { onCleanup, temporaryFolder } from '../cleanup.ts';
import { Dyno, SUPERVISOR } from '../dyno/dyno.ts';
import { untilUp } from '../dyno/instance.ts';
import { pidOf } from '../dyno/processes.ts';

/** A port that accepts requests. `pid`: the process whose CPU time counts. */
export type Target = { name: string; port: number; pid?: number };
export type Proxy = Target & { pid: number; stop: () => Promise<void> };

/** Enables the memory guard, as a platform does. */
const QUOTA = { SUPERVISE_MEMORY_QUOTA: '512M' };
const EXIT_WITHIN_MS = 10_000;

/** The cores that this process may use. */
export function availableCores(): number[] {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** Restricts the command to a core; without a core it may run on any. */
export function pinTo(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', `${core}`, ...command];
}

/** Starts a web dyno in `folder`; resolves when its backend responds. */
export async function startSupervisor({
  folder,
  env,
  core,
}: {
  folder: string;
  env: NodeJS.ProcessEnv;
  core?: number;
}): Promise<Proxy> {
  const port = await freePort();
  const dynoEnv = { ...QUOTA, ...env, TMPDIR: folder, PORT: `${port}` };
  const dyno = new Dyno(pinTo(core, SUPERVISOR.command), { folder, env: dynoEnv });
  try {
    await untilUp({ port });
  } catch (error) {
    throw new Error(`the supervisor did not start:\n${dyno.lines.join('\n')}`, { cause: error });
  }
  return { name: SUPERVISOR.name, port, pid: dyno.processes.rootPid, stop: () => stopDyno(dyno) };
}

async function stopDyno(dyno: Dyno): Promise<void> {
  dyno.child.kill('SIGTERM');
  await Promise.race([dyno.ended, pause(EXIT_WITHIN_MS, undefined, { ref: false })]);
  dyno.kill();
}

/** One nginx process; resolves when its backend responds. `puma`, `streaming`: paths of sockets. */
export async function startNginx({
  puma,
  streaming = puma,
  core,
}: {
  puma: string;
  streaming?: string;
  core?: number;
}): Promise<Proxy> {
  const folder = temporaryFolder();
  const port = await freePort();
  mkdirSync(join(folder, 'logs'));
  writeFileSync(join(folder, 'nginx.conf'), nginxConfiguration({ folder, port, puma, streaming }));
  const [file = '', ...args] = pinTo(core, ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']);
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` };
  const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  onCleanup(() => child.kill('SIGKILL'));
  const pid = pidOf(child);
  await untilUp({ port });
  return { name: 'nginx', port, pid, stop: () => stopNginx(child) };
}

async function stopNginx(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Keeps connections alive on both sides; writes no access log. */
function nginxConfiguration(options: { folder: string; port: number; puma: string; streaming: string }): string {
  const { folder, port, puma, streaming } = options;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 12000; }
http {
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  access_log off;
  keepalive_timeout 95s;
  keepalive_requests 1000000000;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  upstream puma { server unix:${puma}; keepalive 32; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://puma;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Connection '';
    }
    location /api/v1/streaming {
      proxy_pass http://unix:${streaming}:;
      proxy_read_timeout 1h;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }
  }
}
`;
}
