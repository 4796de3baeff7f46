import type { ServerResponse } from 'node:http';
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';

/** Tells a client of ours the code, which the platform says in its log only. */
export const CODE_HEADER = 'X-Simulator-Error';

/** "Heroku will return a standard error page with the HTTP status code 503." [D: Error Codes] */
export function answerWithErrorPage(response: ServerResponse, code: ErrorCode): void {
  const { description } = ERROR_CODES[code];
  const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Application error</title>
<h1>Application error</h1>
<p>${code}: ${description}. So the simulated platform answers for an app that does not; its log says more.</p></html>
`;
  response.writeHead(503, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(page),
    'Cache-Control': 'no-cache, no-store',
    [CODE_HEADER]: code,
  });
  response.end(page);
}
