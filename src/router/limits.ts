/** Bounds of the router. Times in milliseconds, sizes in bytes. */

/** How long a request waits for an upstream that starts; the platform's edge gives up at 30 s (H12,
 * https://devcenter.heroku.com/articles/request-timeout). */
export const HOLD_AT_MOST_MS = 25_000;
/** How many wait at the same time, for each upstream. */
export const HOLD_AT_MOST = 100;
/** What a client that was not served is told to wait, in seconds. */
export const RETRY_AFTER_S = 5;
/** A refusal for want of memory holds for so long, so that a crowd does not ask each time. */
export const REFUSED_FOR_MS = 5000;

/** Longer than the platform's edge keeps an idle connection to the dyno, 90 s: it must not be us who close under it. */
export const KEEP_ALIVE_MS = 95_000;
/** From the first byte of a request to the end of its headers. */
export const HEADERS_WITHIN_MS = 20_000;
/** Of all headers of a request together. */
export const HEADERS_AT_MOST = 32 * 1024;
/** A body of which less than this comes in, or a reply of which nothing goes out, within this time is nobody's honest
 * connection: the slowest mobile networks carry ten times as much. */
export const SLOWEST_BYTES = 1024;
export const SLOWEST_MS = 30_000;
export const STALLED_REPLY_MS = 120_000;

/** Requests that a client sends behind one another without a reply. */
export const BEHIND_AT_MOST = 250;

/** Less than the 5 s after which Node, and the 20 s after which puma, closes an idle connection. */
export const UPSTREAM_IDLE_MS = 4000;
/** A unix socket whose queue is full refuses at once, where TCP would wait (EAGAIN, connect(2)): then this much later again. */
export const BUSY_RETRY_MS = 50;
/** Of the head of a reply. */
export const REPLY_HEAD_AT_MOST = 256 * 1024;
/** The body of an answer that refuses an upgrade. */
export const REFUSAL_AT_MOST = 64 * 1024;
/** From a request for an upgrade to the end of the upstream's answer: as long as a request waits for an upstream that starts, and below
 * the 30 s of the platform's edge. */
export const UPGRADE_AT_MOST_MS = HOLD_AT_MOST_MS;
/** From the FIN of one end of a WebSocket to the end of both. An end that has sent FIN can answer neither a ping nor a Close frame
 * (RFC 6455, 5.5 and 7.1), so it is of no more use; a server or client that is alive closes at once. */
export const HALF_CLOSED_AT_MOST_MS = 10_000;
/** What a client may send behind its wish for an upgrade before that is granted. */
export const EARLY_AT_MOST = 64 * 1024;
/** From our last word on a connection to its end. */
export const LINGER_MS = 2000;
/** From a stop to the closing of the port, and from there to the end of idle connections: who sends meanwhile is served, and
 * told to send no more here. */
export const DRAIN_GRACE_MS = 100;
/** While stopping, a client that takes nothing of its reply for so long holds nobody up any more. */
export const STALLED_AT_A_STOP_MS = 5000;
/** One line of the log about the same upstream in this time. */
export const TROUBLE_EVERY_MS = 1000;
