import { ERROR_CODES, type ErrorCode } from './error-codes.ts';

export type Handled = {
  code: ErrorCode | null;
  method: string;
  path: string;
  host: string;
  requestId: string;
  forwardedFor: string;
  /** Empty: none had it. */
  dyno: string;
  /** From its arrival to the connection to the dyno, or to giving up on it; null: no dyno was asked. */
  connectMs: number | null;
  /** From the connection to the end; null: there was none. */
  serviceMs: number | null;
  status: number;
  /** Of the body. */
  bytes: number;
  httpVersion: string;
};

/** The line of `heroku[router]` for one request, as router 2.0 writes it. [D: HTTP Routing, Heroku Router Log Format]
 * `tls` is false because none is in use here, whatever the dyno is told. */
export function routerLine(handled: Handled): string {
  const { method, host, requestId, dyno, connectMs, serviceMs, bytes, httpVersion } = handled;
  return [
    ...beginning(handled.code),
    `method=${method}`,
    `path="${handled.path.replaceAll('"', '%22')}"`,
    `host=${host}`,
    `request_id=${requestId}`,
    `fwd="${handled.forwardedFor.replaceAll('"', '')}"`,
    `dyno=${dyno}`,
    `connect=${milliseconds(connectMs)}`,
    `service=${milliseconds(serviceMs)}`,
    `status=${handled.status}`,
    `bytes=${serviceMs === null ? '' : bytes}`,
    `protocol=http${httpVersion}`,
    'tls=false',
  ].join(' ');
}

function beginning(code: ErrorCode | null): string[] {
  if (code === null) return ['at=info'];
  const { at, description, sock } = ERROR_CODES[code];
  return [...(sock === undefined ? [] : [`sock=${sock}`]), `at=${at}`, `code=${code}`, `desc="${description}"`];
}

function milliseconds(value: number | null): string {
  return value === null ? '' : `${Math.round(value)}ms`;
}
