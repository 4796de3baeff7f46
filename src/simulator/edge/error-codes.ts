import type { ServerResponse } from 'node:http';

/** Errors at the edge, with the platform's codes and descriptions. [D: Error Codes] */
export type ErrorCode = 'H10' | 'H12' | 'H13' | 'H14' | 'H15' | 'H17' | 'H18' | 'H19' | 'H20' | 'H21' | 'H27' | 'H28';

type CodeMeaning = {
  description: string;
  at: 'error' | 'warning';
  status: 499 | 503;
  /** Which side closed the connection. */
  sock?: 'client' | 'backend';
};

export const ERROR_CODES: Readonly<Record<ErrorCode, CodeMeaning>> = {
  H10: { description: 'App crashed', at: 'error', status: 503 },
  H12: { description: 'Request timeout', at: 'error', status: 503 },
  H13: { description: 'Connection closed without response', at: 'error', status: 503 },
  H14: { description: 'No web processes running', at: 'error', status: 503 },
  H15: { description: 'Idle connection', at: 'error', status: 503 },
  H17: { description: 'Poorly formatted HTTP response', at: 'error', status: 503 },
  H18: { description: 'Server Request Interrupted', at: 'error', status: 503, sock: 'backend' },
  H19: { description: 'Backend connection timeout', at: 'error', status: 503 },
  H20: { description: 'App boot timeout', at: 'error', status: 503 },
  H21: { description: 'Backend connection refused', at: 'error', status: 503 },
  H27: { description: 'Client Request Interrupted', at: 'warning', status: 499, sock: 'client' },
  H28: { description: 'Client Connection Idle', at: 'warning', status: 499 },
};

/** Tells our own clients the code, which the platform only logs. */
export const ERROR_CODE_HEADER = 'X-Simulator-Error';

/** "Heroku will return a standard error page with the HTTP status code 503." [D: Error Codes] */
export function sendErrorPage(response: ServerResponse, code: ErrorCode): void {
  const { description } = ERROR_CODES[code];
  const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Application error</title>
<h1>Application error</h1>
<p>${code}: ${description}. The simulated platform sent this page because the app did not respond. See its log.</p></html>
`;
  response.writeHead(503, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(page),
    'Cache-Control': 'no-cache, no-store',
    [ERROR_CODE_HEADER]: code,
  });
  response.end(page);
}

export type HandledRequest = {
  code: ErrorCode | null;
  method: string;
  path: string;
  host: string;
  requestId: string;
  forwardedFor: string;
  /** Empty: no dyno got the request. */
  dyno: string;
  /** From arrival until the connection is open or abandoned. null: no dyno was tried. */
  connectMs: number | null;
  /** From the connection to the end. null: no connection was opened. */
  serviceMs: number | null;
  status: number;
  /** Size of the body. */
  bytes: number;
  httpVersion: string;
};

/** The `heroku[router]` line of a request, as router 2.0 writes it. [D: HTTP Routing, Heroku Router Log Format] `tls`
 * is false because the edge uses no TLS, whatever it tells the dyno. */
export function routerLine(handled: HandledRequest): string {
  const { method, host, requestId, dyno, connectMs, serviceMs, bytes, httpVersion } = handled;
  return [
    ...codeFields(handled.code),
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

function codeFields(code: ErrorCode | null): string[] {
  if (code === null) return ['at=info'];
  const { at, description, sock } = ERROR_CODES[code];
  return [...(sock === undefined ? [] : [`sock=${sock}`]), `at=${at}`, `code=${code}`, `desc="${description}"`];
}

function milliseconds(value: number | null): string {
  return value === null ? '' : `${Math.round(value)}ms`;
}
