import type { Served } from './fuzz-upstreams.ts';
import { API, type FuzzClient } from './fuzz-clients.ts';
import { grants } from './fuzz-responses.ts';
import {
  MalformedMessage,
  parseResponses,
  parseRequests,
  statusOf,
  targetOf,
  headerOf,
  type Message,
} from './messages.ts';
import type { RawConnection } from './raw-client.ts';

/** All that came of a case. */
export type Outcome = {
  client: FuzzClient;
  connection: RawConnection;
  /** The client went before the router closed the connection. */
  wentFirst: boolean;
  served: readonly Served[];
  isTainted: boolean;
};

/** What the client's bytes are to the letter; null for what two servers could read differently. */
export function requestsIn({ packets }: FuzzClient): Message[] | null {
  const requests = orNull(() => parseRequests(packets.join('')));
  // To the strict reader the word is enough, to a server it stands for nothing without `Connection`.
  const isPlain = requests?.every((each) => headerOf(each, 'upgrade') === null || isUpgrade(each));
  return isPlain === true ? requests : null;
}

/** 1xx not counted, 101 is. null where it cannot be told which of them have a body. */
export function repliesTo({ client, connection }: Pick<Outcome, 'client' | 'connection'>): Message[] | null {
  const asked = requestsIn(client);
  if (asked === null && client.packets.join('').includes('HEAD')) return null;
  const responses = parseResponses(connection.received, asked?.map(methodOf));
  return responses.filter((each) => each.isComplete === false || statusOf(each) >= 200 || statusOf(each) === 101);
}

/** Throws for what must not be, whatever was sent. */
export function judge(outcome: Outcome): void {
  const { client, served, isTainted } = outcome;
  const asked = requestsIn(client);
  served.forEach(isInItsPlace);
  if (asked === null) wasAskedFor(client.packets.join(''), served);
  else wasAsked(asked, served);
  const responses = repliesTo(outcome);
  if (responses === null || isTainted) return;
  const numbers = responses.flatMap((response) => markOf(response) ?? []);
  must(new Set(numbers).size === numbers.length, `the same response twice: ${numbers.join(' ')}`);
  if (asked !== null) must(responses.length <= asked.length + 1, 'more responses than requests');
  for (const [index, response] of responses.entries()) {
    const to = served.find(({ number }) => number === markOf(response));
    if (to === undefined) continue;
    isFaithful(response, to, outcome);
    if (asked !== null) must(isLike(asked[index], to.request), `response ${index} is another's: ${to.request.start}`);
  }
}

/** All of it was asked, and answered with what the upstreams said, in order. */
export function isServed(outcome: Outcome): void {
  const { client, served } = outcome;
  const [asked, responses] = [requestsIn(client) ?? [], repliesTo(outcome) ?? []];
  must(served.length === asked.length, `${served.length} requests passed on, not ${asked.length}`);
  must(responses.length === asked.length, `${responses.length} responses, not ${asked.length}`);
  for (const [index, response] of responses.entries()) {
    const to = served.find(({ number }) => number === markOf(response));
    const isMistake = served.some(({ script, request }) => script !== null && grants(script) && !isUpgrade(request));
    must(
      to !== undefined || (isMistake && statusOf(response) === 502),
      `no response of an upstream: ${response.start}`,
    );
    must(response.isComplete !== false, `not whole: ${response.start}`);
    if (to !== undefined) must(isLike(asked[index], to.request), `response ${index} is another's`);
  }
}

/** Streaming tells its metrics to whoever reaches it. */
function isInItsPlace({ by, request, sent }: Served): void {
  const [path = ''] = targetOf(request).split('?');
  const isBelow = path === API || (path.startsWith(`${API}/`) && !/\/\.{1,2}(\/|$)|%|\/\/|\\/.test(path));
  if (by === 'streaming') must(isBelow, `streaming was asked ${request.start}`);
  const upgrade = headerOf(request, 'upgrade');
  if (upgrade === null) return;
  must(by === 'streaming' && request.start.startsWith('GET '), `an upgrade of ${request.start}`);
  // Before a yes, what follows could be another request.
  must(request.body === '' || /^HTTP\/1\.[01] 101/m.test(sent), `bytes behind an upgrade: ${request.body}`);
}

/** Each that an upstream got is one of those, or the beginning of one that broke; and none came twice. */
function wasAsked(asked: readonly Message[], served: readonly Served[]): void {
  const left = [...asked];
  for (const { request, sent } of served) {
    const at = left.findIndex((one) => isLike(one, request));
    // One that got no answer at all, on a connection that had served before, is sent again.
    const isAgain = served.some((one) => one.sent === '' && one.request.start === request.start);
    must(at >= 0 || isAgain, `nobody asked ${request.start} ${JSON.stringify(request.body.slice(0, 200))}`);
    if (at >= 0 && sent !== '') left.splice(at, 1);
  }
}

/** The same where the bytes are not proper: each request line stands there, as often as it came. */
function wasAskedFor(bytes: string, served: readonly Served[]): void {
  for (const { request } of served) {
    const line = request.start.replace('HTTP/1.1', 'HTTP/');
    const times = bytes.replace(/ +/g, ' ').split(line).length - 1;
    const count = served.filter((one) => one.sent !== '' && one.request.start === request.start).length;
    must(times >= Math.max(1, count), `${count} times ${line}, which was sent ${times} times`);
  }
}

/** What the client takes for a whole response is the whole of what the upstream has sent. */
function isFaithful(
  response: Message,
  { sent, script, request }: Served,
  { connection, client, wentFirst }: Outcome,
): void {
  const said = orNull(() => parseResponses(sent, [methodOf(request)]))?.find(isFinal);
  if (said === undefined) return;
  const isBroken =
    response.isComplete === false || (response.isComplete === null && (wentFirst || connection.error !== null));
  if (said.isComplete === false)
    return must(isBroken || client.leaves !== 'in order', `half a response as a whole one`);
  if (isBroken || !connection.isClosed) return;
  must(statusOf(response) === statusOf(said), `${response.start} instead of ${said.start}`);
  if (statusOf(said) === 101 || (said.isComplete === null && script?.then === 'destroys')) return;
  // Named in `Connection`; or written early by Node, as what it takes for a request.
  const isStrange = headerOf(said, 'connection') !== null || headerOf(said, 'expect') !== null;
  for (const name of ['date', 'set-cookie', 'x-a', 'x-b', 'x-empty'])
    must(bare(headerOf(response, name)) === bare(headerOf(said, name)) || isStrange, `another ${name}`);
  must(response.body === said.body, `the body is ${JSON.stringify(response.body)}, not ${JSON.stringify(said.body)}`);
}

function isFinal(one: Message): boolean {
  return one.isComplete === false || statusOf(one) >= 200 || statusOf(one) === 101;
}

function isUpgrade(one: Message): boolean {
  return (
    (headerOf(one, 'upgrade') ?? '') !== '' && /(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(headerOf(one, 'connection') ?? '')
  );
}

function isLike(asked: Message | undefined, { start, body, isComplete }: Message): boolean {
  if (asked === undefined) return false;
  const isSame = start === asked.start.replace(/HTTP\/1\.0$/, 'HTTP/1.1');
  if (isUpgrade(asked)) return isSame && asked.body.startsWith(body);
  return isSame && (isComplete === false ? asked.body.startsWith(body) : asked.body === body);
}

/** Which request it answers; null where it is not an upstream's, or not as that has sent it. */
function markOf(response: Message): number | null {
  const [, one, two] = /^(\d+)-(\d+)$/.exec(headerOf(response, 'x-response') ?? '') ?? [];
  return one === undefined || one !== two ? null : Number(one);
}

function methodOf({ start }: Message): string {
  return start.split(' ')[0] ?? '';
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedMessage) return null;
    throw error;
  }
}

export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Without the blanks at its end. */
function bare(value: string | null): string | undefined {
  return value?.replace(/[ \t]+$/, '');
}
