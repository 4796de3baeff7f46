/** Limits of the router. Times are in milliseconds and sizes in bytes, unless the name says otherwise. */

/** How long a request waits for an upstream that starts. The platform's edge gives up at 30 s (H12,
 * https://devcenter.heroku.com/articles/request-timeout). */
export const QUEUE_TIMEOUT_MS = 25_000;
/** Queued requests for each upstream. */
export const MAX_QUEUED = 100;
/** Retry-After of each 503. */
export const RETRY_AFTER_S = 5;
/** After the start of an upstream was denied, new requests are rejected for this long: each would ask for the same start. */
export const REJECT_FOR_MS = 5000;

/** Longer than the 90 s for which the platform's edge keeps an idle connection to the dyno: if the router closed first, it could
 * close under a request that is on its way. */
export const KEEP_ALIVE_MS = 95_000;
/** From the first byte of a request to the end of its headers. */
export const HEADERS_TIMEOUT_MS = 20_000;
/** All headers of a request together. */
export const MAX_HEADER_BYTES = 32 * 1024;
/** Slowest upload allowed: this many bytes in this time. The slowest mobile networks are ten times as fast. */
export const MIN_UPLOAD_BYTES = 1024;
export const UPLOAD_WINDOW_MS = 30_000;
/** A client that reads nothing of its response for this long is disconnected. */
export const STALL_TIMEOUT_MS = 120_000;
/** The same while the dyno stops: its shutdown waits for such a client. */
export const STOPPING_STALL_TIMEOUT_MS = 5000;
/** How often stalled clients are looked for while the dyno stops. */
export const STOPPING_CHECK_MS = 1000;
/** Requests that wait on one client connection behind the one in progress. */
export const MAX_PIPELINED = 250;

/** Shorter than the 5 s after which Node, and the 20 s after which puma, closes an idle connection. */
export const UPSTREAM_IDLE_MS = 4000;
/** A unix socket whose accept queue is full refuses at once with EAGAIN, where TCP would wait (connect(2)). The connection is then
 * tried again after this time. */
export const BACKPRESSURE_RETRY_MS = 50;
/** The status line and headers of a response. */
export const MAX_RESPONSE_HEAD_BYTES = 256 * 1024;
/** One size line or trailer of a chunked response. */
export const MAX_CHUNK_LINE_BYTES = 16 * 1024;

/** The body of a response that rejects a WebSocket upgrade. */
export const MAX_UPGRADE_BODY_BYTES = 64 * 1024;
/** From an upgrade request to the end of the upstream's response: as long as a request may be queued, and below the 30 s of the
 * platform's edge. */
export const UPGRADE_TIMEOUT_MS = QUEUE_TIMEOUT_MS;
/** What a client may send behind its upgrade request before the upstream has accepted the upgrade. */
export const MAX_EARLY_BYTES = 64 * 1024;
/** From the FIN of one end of a WebSocket to the close of both ends. An end that has sent FIN can answer neither a ping nor a Close
 * frame (RFC 6455, 5.5 and 7.1), so the connection is of no more use. A live server or client closes at once. */
export const HALF_CLOSE_TIMEOUT_MS = 10_000;

/** How long a connection stays open, and is read, after the router has sent its last bytes on it. */
export const LINGER_MS = 2000;
/** From the start of a shutdown to the closing of the port, and from there to the closing of idle connections. Requests that arrive
 * in between are served with `Connection: close`. */
export const DRAIN_GRACE_MS = 100;
/** At most one warning per upstream in this time. */
export const WARNING_INTERVAL_MS = 1000;
