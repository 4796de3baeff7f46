/** Where a request goes. */
export type Route = 'puma' | 'streaming' | 'refused';

const PREFIX = '/api/v1/streaming';
/** What two servers may read differently: dots as segments, anything encoded twice, slashes and backslashes in disguise. */
const AMBIGUOUS = /(^|\/)\.{1,2}(\/|$)|\/\/|%|[\\#;]|[^\x21-\x7e]/;

/** The upstream for a request target as it stands in the request line. Streaming sees nothing but its prefix, literally,
 * and below it plain paths only: its `/metrics` has no password. An upgrade is for streaming or for nobody.
 * upgrade: the value of the Upgrade header, null for a request that asks for none. */
export function route(method: string, target: string, upgrade: string | null): Route {
  const isForStreaming = isBelow(pathOf(target));
  if (upgrade === null) return isForStreaming ? 'streaming' : 'puma';
  return isForStreaming && method === 'GET' && upgrade.toLowerCase() === 'websocket' ? 'streaming' : 'refused';
}

/** Asks only whether streaming is well. */
export function isHealthCheck(method: string, target: string): boolean {
  return pathOf(target) === `${PREFIX}/health` && (method === 'GET' || method === 'HEAD');
}

function isBelow(path: string): boolean {
  if (!path.startsWith(PREFIX)) return false;
  const rest = path.slice(PREFIX.length);
  return rest === '' || (rest.startsWith('/') && !AMBIGUOUS.test(rest));
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
