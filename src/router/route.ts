/** The upstream of a request. `rejected` is only for upgrades. */
export type Route = 'puma' | 'streaming' | 'rejected';

const STREAMING_PATH = '/api/v1/streaming';
/** What two servers may read differently: dot segments, percent-encoding, doubled slashes, and characters that some servers take
 * for a slash or for the end of the path. */
const AMBIGUOUS_PATH = /(^|\/)\.{1,2}(\/|$)|\/\/|%|[\\#;]|[^\x21-\x7e]/;

/** Chooses the upstream by the literal request target. Streaming gets its own prefix only, and plain paths below it, because
 * its `/metrics` needs no password. Puma gets all other requests, but no upgrade.
 * upgrade: the value of the Upgrade header; null for a request that is no upgrade. */
export function route(method: string, target: string, upgrade: string | null): Route {
  const isStreaming = isStreamingPath(pathOf(target));
  if (upgrade === null) return isStreaming ? 'streaming' : 'puma';
  return isStreaming && method === 'GET' && upgrade.toLowerCase() === 'websocket' ? 'streaming' : 'rejected';
}

/** A health check of streaming. It does not start a stopped streaming, nor keep an idle one running. */
export function isHealthCheck(method: string, target: string): boolean {
  return pathOf(target) === `${STREAMING_PATH}/health` && (method === 'GET' || method === 'HEAD');
}

function isStreamingPath(path: string): boolean {
  if (!path.startsWith(STREAMING_PATH)) return false;
  const rest = path.slice(STREAMING_PATH.length);
  return rest === '' || (rest.startsWith('/') && !AMBIGUOUS_PATH.test(rest));
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
