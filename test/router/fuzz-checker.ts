import { API, type FuzzClient } from './fuzz-clients.ts';
import { acceptsUpgrade } from './fuzz-responses.ts';
import type { Forwarded } from './fuzz-upstreams.ts';
import {
  headerOf,
  MalformedMessage,
  parseRequests,
  parseResponses,
  statusOf,
  targetOf,
  type Message,
} from './messages.ts';
import type { RawConnection } from './raw-client.ts';

/** Everything that came of a case. */
export type Outcome = {
  client: FuzzClient;
  connection: RawConnection;
  /** The client closed the connection before the router did. */
  clientClosedFirst: boolean;
  forwarded: readonly Forwarded[];
  isTainted: boolean;
};

/** The requests in the bytes of a client; null for bytes that two servers could read differently. */
export function requestsIn({ packets }: FuzzClient): Message[] | null {
  const requests = orNull(() => parseRequests(packets.join('')));
  // The strict parser takes any Upgrade header for an upgrade. A server does so only if Connection names it.
  const isUnambiguous = requests?.every((request) => headerOf(request, 'upgrade') === null || isUpgrade(request));
  return isUnambiguous === true ? requests : null;
}

/** Final responses: 1xx do not count, except 101. null where it is unknown which of them have a body. */
export function responsesTo({ client, connection }: Pick<Outcome, 'client' | 'connection'>): Message[] | null {
  const requests = requestsIn(client);
  if (requests === null && client.packets.join('').includes('HEAD')) return null;
  return parseResponses(connection.received, requests?.map(methodOf)).filter(isFinal);
}

/** Checks the invariants that hold whatever was sent. */
export function checkOutcome(outcome: Outcome): void {
  const { client, forwarded, isTainted } = outcome;
  const requests = requestsIn(client);
  forwarded.forEach(checkUpstream);
  if (requests === null) checkSent(client.packets.join(''), forwarded);
  else checkForwarded(requests, forwarded);
  const responses = responsesTo(outcome);
  if (responses === null || isTainted) return;
  const marks = responses.flatMap((response) => markOf(response) ?? []);
  check(new Set(marks).size === marks.length, `the same response twice: ${marks.join(' ')}`);
  if (requests !== null) check(responses.length <= requests.length + 1, 'more responses than requests');
  for (const [index, response] of responses.entries()) {
    const source = forwarded.find(({ number }) => number === markOf(response));
    if (source === undefined) continue;
    checkFaithful(response, source, outcome);
    if (requests === null) continue;
    check(isSame(requests[index], source.request), `response ${index} belongs to ${source.request.start}`);
  }
}

/** Checks that all requests were forwarded, and got the responses of the upstreams in order. */
export function checkAllServed(outcome: Outcome): void {
  const { client, forwarded } = outcome;
  const [requests, responses] = [requestsIn(client) ?? [], responsesTo(outcome) ?? []];
  check(forwarded.length === requests.length, `${forwarded.length} requests forwarded, not ${requests.length}`);
  check(responses.length === requests.length, `${responses.length} responses, not ${requests.length}`);
  const hasWrongUpgrade = forwarded.some(
    ({ script, request }) => script !== null && acceptsUpgrade(script) && !isUpgrade(request),
  );
  for (const [index, response] of responses.entries()) {
    const source = forwarded.find(({ number }) => number === markOf(response));
    const isExpected = source !== undefined || (hasWrongUpgrade && statusOf(response) === 502);
    check(isExpected, `no response of an upstream: ${response.start}`);
    check(response.isComplete !== false, `incomplete: ${response.start}`);
    if (source !== undefined) check(isSame(requests[index], source.request), `response ${index} belongs to another`);
  }
}

/** Streaming serves its metrics to every client that reaches it, so it must get its own paths only. */
function checkUpstream({ upstream, request, sent }: Forwarded): void {
  const [path = ''] = targetOf(request).split('?');
  const isBelow = path === API || (path.startsWith(`${API}/`) && !/\/\.{1,2}(\/|$)|%|\/\/|\\/.test(path));
  if (upstream === 'streaming') check(isBelow, `streaming got ${request.start}`);
  if (headerOf(request, 'upgrade') === null) return;
  check(upstream === 'streaming' && request.start.startsWith('GET '), `an upgrade with ${request.start}`);
  // Bytes before the upgrade is accepted could be another request.
  const isAccepted = /^HTTP\/1\.[01] 101/m.test(sent);
  check(request.body === '' || isAccepted, `bytes behind an upgrade: ${request.body}`);
}

/** Each forwarded request is one of those, or the beginning of one that was aborted. None was forwarded twice. */
function checkForwarded(requests: readonly Message[], forwarded: readonly Forwarded[]): void {
  const remaining = [...requests];
  for (const { request, sent } of forwarded) {
    const index = remaining.findIndex((candidate) => isSame(candidate, request));
    // A request on a reused connection is sent again if there was no response.
    const isRetry = forwarded.some((other) => other.sent === '' && other.request.start === request.start);
    const body = JSON.stringify(request.body.slice(0, 200));
    check(index >= 0 || isRetry, `forwarded, but not sent by the client: ${request.start} ${body}`);
    if (index >= 0 && sent !== '') remaining.splice(index, 1);
  }
}

/** The same for invalid bytes: they contain each request line as often as it was forwarded. */
function checkSent(bytes: string, forwarded: readonly Forwarded[]): void {
  for (const { request } of forwarded) {
    const line = request.start.replace('HTTP/1.1', 'HTTP/');
    const times = bytes.replace(/ +/g, ' ').split(line).length - 1;
    const count = forwarded.filter((other) => other.sent !== '' && other.request.start === request.start).length;
    check(times >= Math.max(1, count), `forwarded ${count} times, sent ${times} times: ${line}`);
  }
}

/** A response that is complete to the client is the complete response of the upstream. */
function checkFaithful(
  response: Message,
  { sent, script, request }: Forwarded,
  { connection, client, clientClosedFirst }: Outcome,
): void {
  const source = orNull(() => parseResponses(sent, [methodOf(request)]))?.find(isFinal);
  if (source === undefined) return;
  const isBroken =
    response.isComplete === false || (response.isComplete === null && (clientClosedFirst || connection.error !== null));
  if (source.isComplete === false)
    return check(isBroken || client.leaves !== 'in order', 'a truncated response looks complete');
  if (isBroken || !connection.isClosed) return;
  check(statusOf(response) === statusOf(source), `${response.start} instead of ${source.start}`);
  if (statusOf(source) === 101 || (source.isComplete === null && script?.then === 'destroys')) return;
  // Connection may name other headers, and Node handles Expect in a response as in a request.
  const mayDiffer = headerOf(source, 'connection') !== null || headerOf(source, 'expect') !== null;
  for (const name of ['date', 'set-cookie', 'x-a', 'x-b', 'x-empty']) {
    const isEqual = trimmed(headerOf(response, name)) === trimmed(headerOf(source, name));
    check(isEqual || mayDiffer, `different header ${name}`);
  }
  check(response.body === source.body, `body ${JSON.stringify(response.body)}, not ${JSON.stringify(source.body)}`);
}

function isFinal(response: Message): boolean {
  return response.isComplete === false || statusOf(response) >= 200 || statusOf(response) === 101;
}

function isUpgrade(request: Message): boolean {
  const connection = headerOf(request, 'connection') ?? '';
  return (headerOf(request, 'upgrade') ?? '') !== '' && /(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(connection);
}

/** Whether a forwarded request is the one of the client, or its beginning. */
function isSame(request: Message | undefined, { start, body, isComplete }: Message): boolean {
  if (request === undefined) return false;
  const isSameStart = start === request.start.replace(/HTTP\/1\.0$/, 'HTTP/1.1');
  if (isUpgrade(request) || isComplete === false) return isSameStart && request.body.startsWith(body);
  return isSameStart && request.body === body;
}

/** The number of the request that a response belongs to; null for a response that no upstream sent in this form. */
function markOf(response: Message): number | null {
  const [, first, second] = /^(\d+)-(\d+)$/.exec(headerOf(response, 'x-response') ?? '') ?? [];
  return first === undefined || first !== second ? null : Number(first);
}

function methodOf({ start }: Message): string {
  return start.split(' ')[0] ?? '';
}

function orNull<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MalformedMessage) return null;
    throw error;
  }
}

export function check(holds: boolean, violation: string): void {
  if (!holds) throw new Error(violation);
}

function trimmed(value: string | null): string | undefined {
  return value?.replace(/[ \t]+$/, '');
}
