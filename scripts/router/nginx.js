// Debian's nginx in our place: one process, connections kept on both sides, no access log.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd, temporaryFolder } from '../memory/ending.js';
import { freePort } from '../free-port.js';
import { isUp } from '../memory/instance.js';
import { on } from './cores.js';

/** Resolves when what is behind it answers. `puma`, `streaming`: paths of sockets. */
export async function startNginx({ puma, streaming = puma, cores }) {
  const folder = temporaryFolder();
  const port = await freePort();
  mkdirSync(join(folder, 'logs'));
  writeFileSync(join(folder, 'nginx.conf'), configuration({ folder, port, puma, streaming }));
  const [file, ...args] = on(cores, ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  atEnd(() => child.kill('SIGKILL'));
  await isUp({ port }, { sidekiq: false });
  return { name: 'nginx', port, pid: child.pid, stop: () => stop(child) };
}

function configuration({ folder, port, puma, streaming }) {
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

async function stop(child) {
  child.kill('SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
