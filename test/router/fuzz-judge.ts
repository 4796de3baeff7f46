import type { Served } from './fuzz-behind.ts';
import { API, type FuzzClient } from './fuzz-clients.ts';
import { grants } from './fuzz-replies.ts';
import { Malformed, readReplies, readRequests, statusOf, targetOf, valueOf, type Message } from './messages.ts';
import type { Wire } from './wire.ts';

/** All that came of a case. */
export type Outcome = {
  client: FuzzClient;
  wire: Wire;
  /** The client went before the router closed the connection. */
  wentFirst: boolean;
  served: readonly Served[];
  isTainted: boolean;
};

/** What the client's bytes are to the letter; null for what two servers could read differently. */
export function requestsIn({ packets }: FuzzClient): Message[] | null {
  const requests = orNull(() => readRequests(packets.join('')));
  // To the strict reader the word is enough, to a server it stands for nothing without `Connection`.
  const isPlain = requests?.every((each) => valueOf(each, 'upgrade') === null || isUpgrade(each));
  return isPlain === true ? requests : null;
}

/** 1xx not counted, 101 is. null where it cannot be told which of them have a body. */
export function repliesTo({ client, wire }: Pick<Outcome, 'client' | 'wire'>): Message[] | null {
  const asked = requestsIn(client);
  if (asked === null && client.packets.join('').includes('HEAD')) return null;
  const replies = readReplies(wire.received, asked?.map(methodOf));
  return replies.filter((each) => each.isComplete === false || statusOf(each) >= 200 || statusOf(each) === 101);
}

/** Throws for what must not be, whatever was sent. */
export function judge(outcome: Outcome): void {
  const { client, served, isTainted } = outcome;
  const asked = requestsIn(client);
  served.forEach(isInItsPlace);
  if (asked === null) wasAskedFor(client.packets.join(''), served);
  else wasAsked(asked, served);
  const replies = repliesTo(outcome);
  if (replies === null || isTainted) return;
  const numbers = replies.flatMap((reply) => markOf(reply) ?? []);
  must(new Set(numbers).size === numbers.length, `the same reply twice: ${numbers.join(' ')}`);
  if (asked !== null) must(replies.length <= asked.length + 1, 'more replies than requests');
  for (const [index, reply] of replies.entries()) {
    const to = served.find(({ number }) => number === markOf(reply));
    if (to === undefined) continue;
    isFaithful(reply, to, outcome);
    if (asked !== null) must(isLike(asked[index], to.request), `reply ${index} is another's: ${to.request.start}`);
  }
}

/** All of it was asked, and answered with what the upstreams said, in order. */
export function isServed(outcome: Outcome): void {
  const { client, served } = outcome;
  const [asked, replies] = [requestsIn(client) ?? [], repliesTo(outcome) ?? []];
  must(served.length === asked.length, `${served.length} requests passed on, not ${asked.length}`);
  must(replies.length === asked.length, `${replies.length} replies, not ${asked.length}`);
  for (const [index, reply] of replies.entries()) {
    const to = served.find(({ number }) => number === markOf(reply));
    const isMistake = served.some(({ script, request }) => script !== null && grants(script) && !isUpgrade(request));
    must(to !== undefined || (isMistake && statusOf(reply) === 502), `no reply of an upstream: ${reply.start}`);
    must(reply.isComplete !== false, `not whole: ${reply.start}`);
    if (to !== undefined) must(isLike(asked[index], to.request), `reply ${index} is another's`);
  }
}

/** Streaming tells its metrics to whoever reaches it. */
function isInItsPlace({ by, request, sent }: Served): void {
  const [path = ''] = targetOf(request).split('?');
  const isBelow = path === API || (path.startsWith(`${API}/`) && !/\/\.{1,2}(\/|$)|%|\/\/|\\/.test(path));
  if (by === 'streaming') must(isBelow, `streaming was asked ${request.start}`);
  const upgrade = valueOf(request, 'upgrade');
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

/** What the client takes for a whole reply is the whole of what the upstream has sent. */
function isFaithful(reply: Message, { sent, script, request }: Served, { wire, client, wentFirst }: Outcome): void {
  const said = orNull(() => readReplies(sent, [methodOf(request)]))?.find(isFinal);
  if (said === undefined) return;
  const isBroken = reply.isComplete === false || (reply.isComplete === null && (wentFirst || wire.error !== null));
  if (said.isComplete === false) return must(isBroken || client.leaves !== 'in order', `half a reply as a whole one`);
  if (isBroken || !wire.isClosed) return;
  must(statusOf(reply) === statusOf(said), `${reply.start} instead of ${said.start}`);
  if (statusOf(said) === 101 || (said.isComplete === null && script?.then === 'destroys')) return;
  // Named in `Connection`; or written early by Node, as what it takes for a request.
  const isStrange = valueOf(said, 'connection') !== null || valueOf(said, 'expect') !== null;
  for (const name of ['date', 'set-cookie', 'x-a', 'x-b', 'x-empty'])
    must(bare(valueOf(reply, name)) === bare(valueOf(said, name)) || isStrange, `another ${name}`);
  must(reply.body === said.body, `the body is ${JSON.stringify(reply.body)}, not ${JSON.stringify(said.body)}`);
}

function isFinal(one: Message): boolean {
  return one.isComplete === false || statusOf(one) >= 200 || statusOf(one) === 101;
}

function isUpgrade(one: Message): boolean {
  return (
    (valueOf(one, 'upgrade') ?? '') !== '' && /(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(valueOf(one, 'connection') ?? '')
  );
}

function isLike(asked: Message | undefined, { start, body, isComplete }: Message): boolean {
  if (asked === undefined) return false;
  const isSame = start === asked.start.replace(/HTTP\/1\.0$/, 'HTTP/1.1');
  if (isUpgrade(asked)) return isSame && asked.body.startsWith(body);
  return isSame && (isComplete === false ? asked.body.startsWith(body) : asked.body === body);
}

/** Which request it answers; null where it is not an upstream's, or not as that has sent it. */
function markOf(reply: Message): number | null {
  const [, one, two] = /^(\d+)-(\d+)$/.exec(valueOf(reply, 'x-reply') ?? '') ?? [];
  return one === undefined || one !== two ? null : Number(one);
}

function methodOf({ start }: Message): string {
  return start.split(' ')[0] ?? '';
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return null;
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
