/** Bytes of a client, and the allowed outcome. */
export type Case = {
  name: string;
  bytes: string;
  /**
   * rejected: no part reaches an upstream; the client gets 4xx or 501 or no response, and the connection closes.
   * passed: all requests listed below are forwarded and get responses.
   * either: the requests listed below are forwarded up to any point. The last of them may be incomplete, on an upstream connection
   * that then closes.
   * broken: at most such an incomplete request is forwarded.
   */
  outcome: 'rejected' | 'passed' | 'either' | 'broken';
  /** The requests that puma may get, in this order: `GET /about`, a body after another space. */
  puma?: readonly string[];
  streaming?: readonly string[];
  /** The request may be incomplete: the client disconnects without a response. */
  isIncomplete?: boolean;
};

export const HOST = 'Host: social.example\r\n';
/** A request to be smuggled: Mastodon's streaming serves its metrics to every client that reaches it. */
export const SMUGGLED = `GET /metrics HTTP/1.1\r\n${HOST}\r\n`;
/** A request hidden in a body. */
export const HIDDEN = `GET /hidden HTTP/1.1\r\n${HOST}\r\n`;

/** A request; each header without its CRLF. */
export function get(target: string, ...headers: readonly string[]): string {
  return bytesOf('GET', target, '', ...headers);
}

export function post(target: string, body: string, ...headers: readonly string[]): string {
  return bytesOf('POST', target, body, ...headers);
}

export function bytesOf(method: string, target: string, body: string, ...headers: readonly string[]): string {
  return `${method} ${target} HTTP/1.1\r\n${HOST}${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}
