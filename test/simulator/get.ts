import { request } from 'node:http';

/** Where a server answers: a port of the loopback, or a unix socket. */
export type Address = { host: string; port: number } | { socketPath: string };
export type Answer = { status: number; headers: Record<string, unknown>; body: string };

export function get(address: Address, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...address, path, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    asked.once('error', reject).end();
  });
}

/** `http://127.0.0.1:3000` or `unix:///tmp/puma.sock`, as servers print it. */
export function addressIn(text: string): Address {
  if (text.startsWith('unix://')) return { socketPath: text.slice('unix://'.length) };
  const { hostname, port } = new URL(text);
  return { host: hostname, port: Number(port) };
}
