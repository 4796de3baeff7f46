import { bytesOf, get, HIDDEN, HOST, post, SMUGGLED, type Case } from './case.ts';

const CHUNKED = 'Transfer-Encoding: chunked';
const END = '0\r\n\r\n';

/** Messages whose body two servers could end at different places (request smuggling). */
export const FRAMING: readonly Case[] = [
  ...rejected([
    ['CL.TE', post('/a', `${END}${HIDDEN}`, `Content-Length: ${END.length + HIDDEN.length}`, CHUNKED)],
    ['TE.CL', post('/a', `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n${END}`, CHUNKED, 'Content-Length: 4')],
    ['TE.CL with a correct length', post('/a', END, CHUNKED, `Content-Length: ${END.length}`)],
    ['two lengths', post('/a', `x${HIDDEN}`, 'Content-Length: 1', `Content-Length: ${1 + HIDDEN.length}`)],
    ['a length twice', post('/a', 'x', 'Content-Length: 1', 'Content-Length: 1')],
    ['a list of lengths', post('/a', `x${HIDDEN}`, `Content-Length: 1, ${1 + HIDDEN.length}`)],
    ['a list of one length', post('/a', 'x', 'Content-Length: 1, 1')],
    ['a negative length', post('/a', HIDDEN, 'Content-Length: -1')],
    ['a length with a plus', post('/a', `x${HIDDEN}`, 'Content-Length: +1')],
    ['a hexadecimal length', post('/a', `x${HIDDEN}`, 'Content-Length: 0x1')],
    ['a length with an exponent', post('/a', `x${HIDDEN}`, 'Content-Length: 1e0')],
    ['a length with a point', post('/a', `x${HIDDEN}`, 'Content-Length: 1.0')],
    ['a length with a space in it', post('/a', `x${HIDDEN}`, 'Content-Length: 1 1')],
    ['an underscored length', post('/a', 'x'.repeat(10), 'Content-Length: 1_0')],
    ['a length beyond 64 bits', post('/a', HIDDEN, 'Content-Length: 18446744073709551616')],
    ['a length that wraps around to 1', post('/a', `x${HIDDEN}`, 'Content-Length: 18446744073709551617')],
    ['an empty length', post('/a', HIDDEN, 'Content-Length:')],
    ['a length in quotes', post('/a', `x${HIDDEN}`, 'Content-Length: "1"')],
    ['a length with arabic digits', post('/a', `x${HIDDEN}`, 'Content-Length: \xd9\xa1')],
    ['a space before the colon of the length', post('/a', HIDDEN, `Content-Length : ${HIDDEN.length}`)],
    ['a tab before the colon of the coding', post('/a', `${END}${HIDDEN}`, 'Transfer-Encoding\t: chunked')],
  ]),
  ...[
    'xchunked',
    'chunkedx',
    'identity, chunked',
    'gzip, chunked',
    ',chunked',
    'chunked, identity',
    'chunked, chunked',
    'chunked;q=1',
    '"chunked"',
    ' \tchunked\x0b',
    'identity',
    'gzip',
    '\xa0chunked',
    'chunked,',
    '',
  ].map((coding): Case => {
    const bytes = post('/a', `${END}${HIDDEN}`, `Transfer-Encoding: ${coding}`);
    return { name: `Transfer-Encoding: ${JSON.stringify(coding)}`, bytes, outcome: 'rejected' };
  }),
  ...rejected([
    ['two codings in reverse order', post('/a', `${END}${HIDDEN}`, 'Transfer-Encoding: x', CHUNKED)],
    ['two codings', post('/a', `${END}${HIDDEN}`, CHUNKED, 'Transfer-Encoding: identity')],
    ['chunked twice', post('/a', END, CHUNKED, CHUNKED)],
    ['a folded coding', post('/a', `${END}${HIDDEN}`, 'Transfer-Encoding:\r\n chunked', 'Content-Length: 5')],
    [
      'a coding in HTTP/1.0 beside a length',
      `POST /a HTTP/1.0\r\n${CHUNKED}\r\nContent-Length: 5\r\n\r\n${END}${HIDDEN}`,
    ],
  ]),
  {
    name: 'a coding in capitals',
    bytes: post('/a', `1\r\nx\r\n${END}`, 'TRANSFER-ENCODING: Chunked'),
    outcome: 'passed',
    puma: ['POST /a x'],
  },
  {
    name: 'a coding in HTTP/1.0',
    bytes: `POST /a HTTP/1.0\r\n${HOST}${CHUNKED}\r\n\r\n1\r\nx\r\n${END}`,
    outcome: 'either',
    puma: ['POST /a x'],
  },
  {
    name: 'a length with spaces around it',
    bytes: post('/a', 'x', 'Content-Length:   1  '),
    outcome: 'passed',
    puma: ['POST /a x'],
  },
  {
    name: 'a length with tabs around it',
    bytes: post('/a', 'x', 'Content-Length:\t1\t'),
    outcome: 'either',
    puma: ['POST /a x'],
  },
  {
    name: 'a length with leading zeros',
    bytes: post('/a', 'x', 'Content-Length: 0001'),
    outcome: 'either',
    puma: ['POST /a x'],
  },
  {
    name: 'a GET with a body, and a pipelined request',
    bytes: bytesOf('GET', '/a', SMUGGLED, `Content-Length: ${SMUGGLED.length}`) + get('/b'),
    outcome: 'passed',
    puma: [`GET /a ${SMUGGLED}`, 'GET /b'],
  },
  {
    name: 'neither length nor coding: the body is the next request',
    bytes: post('/a', get('/b')),
    outcome: 'passed',
    puma: ['POST /a', 'GET /b'],
  },
  {
    name: 'a length named in Connection',
    bytes: post('/a', SMUGGLED, `Content-Length: ${SMUGGLED.length}`, 'Connection: Content-Length'),
    outcome: 'either',
    puma: [`POST /a ${SMUGGLED}`],
  },
  {
    name: 'a coding named in Connection',
    bytes: post('/a', `1\r\nx\r\n${END}`, CHUNKED, 'Connection: close, Transfer-Encoding'),
    outcome: 'either',
    puma: ['POST /a x'],
  },
];

function rejected(cases: readonly (readonly [name: string, bytes: string])[]): Case[] {
  return cases.map(([name, bytes]) => ({ name, bytes, outcome: 'rejected' }));
}
