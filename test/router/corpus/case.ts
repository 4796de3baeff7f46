/** Bytes that a client may send, and what may come of them. */
export type Case = {
  name: string;
  bytes: string;
  /**
   * rejected: nobody behind the router gets to see anything of it; answered with 4xx or 501, or with nothing, and the
   * connection is closed. passed: what stands below is asked, all of it, and answered. either: as much of what stands below
   * as the router lets through, from the first on, or the beginning of it on a connection that then breaks. broken: at most
   * such a beginning.
   */
  outcome: 'rejected' | 'passed' | 'either' | 'broken';
  /** What puma may be asked, in this order, and nothing else: `GET /about`, a body after another space. */
  puma?: readonly string[];
  streaming?: readonly string[];
  /** It may be that more has to come: the client leaves without an answer. */
  isIncomplete?: boolean;
};

export const HOST = 'Host: social.example\r\n';
/** What a smuggler wants to be served: Mastodon's streaming tells its metrics to everyone who can reach it. */
export const SMUGGLED = `GET /metrics HTTP/1.1\r\n${HOST}\r\n`;
/** For puma, and never asked for in so many words. */
export const HIDDEN = `GET /hidden HTTP/1.1\r\n${HOST}\r\n`;

/** A request; each header without its CRLF. */
export function get(target: string, ...headers: readonly string[]): string {
  return ask('GET', target, '', ...headers);
}

export function post(target: string, body: string, ...headers: readonly string[]): string {
  return ask('POST', target, body, ...headers);
}

export function ask(method: string, target: string, body: string, ...headers: readonly string[]): string {
  return `${method} ${target} HTTP/1.1\r\n${HOST}${headers.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}
