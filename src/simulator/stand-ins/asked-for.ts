import type { IncomingMessage } from 'node:http';

/** Path and query of a request, whatever stands there: `new URL` throws at `//`, and nobody's server dies of that. */
export function askedFor({ url = '/' }: IncomingMessage): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  if (mark < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark)) };
}
