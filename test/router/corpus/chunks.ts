import { HIDDEN, post, type Case } from './case.ts';

const INVALID: Readonly<Record<string, string>> = {
  'no digits': `\r\nx\r\n0\r\n\r\n`,
  'a negative size': `-1\r\nx\r\n0\r\n\r\n`,
  'a size with a plus': `+1\r\nx\r\n0\r\n\r\n`,
  'a size with 0x': `0x1\r\nx\r\n0\r\n\r\n`,
  'a size that is no number': `xyz\r\nx\r\n0\r\n\r\n`,
  'a size beyond 64 bits': `10000000000000001\r\nx\r\n0\r\n\r\n${HIDDEN}`,
  'a chunk longer than its size': `1\r\nxy\r\n0\r\n\r\n`,
  'a chunk without CRLF after it': `1\r\nx0\r\n\r\n`,
  'a chunk with other bytes after it': `1\r\nxZZ0\r\n\r\n${HIDDEN}`,
  'a space before the size': ` 1\r\nx\r\n0\r\n\r\n`,
  'a bare CR in the size line': `1\rx\r\n0\r\n\r\n`,
  'a NUL in the size line': `1\0\r\nx\r\n0\r\n\r\n`,
};
/** Servers differ on these: each may be rejected, or be forwarded as the one correct reading. */
const LENIENT: Readonly<Record<string, string>> = {
  'bare LF behind the size': `1\nx\r\n0\r\n\r\n`,
  'bare LF everywhere': `1\nx\n0\n\n`,
  'a space behind the size': `1 \r\nx\r\n0\r\n\r\n`,
  'an extension with bare LF in it': `1;a\nb\r\nx\r\n0\r\n\r\n`,
  'an extension without a name': `1;\r\nx\r\n0\r\n\r\n`,
  'a very long extension': `1;${'a'.repeat(20_000)}\r\nx\r\n0\r\n\r\n`,
  'a length as a trailer': `1\r\nx\r\n0\r\nContent-Length: 100\r\n\r\n`,
  'a coding as a trailer': `1\r\nx\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n`,
  'a Host as a trailer': `1\r\nx\r\n0\r\nHost: b\r\n\r\n`,
  'an upgrade as a trailer': `1\r\nx\r\n0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  'a trailer with a bare LF': `1\r\nx\r\n0\r\nA: b\nC: d\r\n\r\n`,
  'a folded trailer': `1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n`,
};
const AMBIGUOUS_BODY = `x\r\n0\r\n\r\n${HIDDEN}`;
const VALID: Readonly<Record<string, string>> = {
  'an extension': `1;name=value\r\nx\r\n0\r\n\r\n`,
  'a quoted extension': `1;name="a;b"\r\nx\r\n0\r\n\r\n`,
  'a size with leading zeros': `0000001\r\nx\r\n000\r\n\r\n`,
  'a size in upper case': `0A\r\n0123456789\r\n0\r\n\r\n`,
  'a trailer': `1\r\nx\r\n0\r\nA-Checksum: 1\r\n\r\n`,
};

/** Chunked bodies. */
export const CHUNKS: readonly Case[] = [
  ...Object.entries(INVALID).map(([name, body]) => ({
    ...chunked(name, body),
    outcome: 'broken' as const,
    puma: ['POST /a x'],
  })),
  ...Object.entries(LENIENT).map(([name, body]) => ({
    ...chunked(name, body),
    outcome: 'either' as const,
    puma: ['POST /a x'],
  })),
  ...Object.entries(VALID).map(([name, body]) => ({
    ...chunked(name, body),
    outcome: 'passed' as const,
    puma: [`POST /a ${name === 'a size in upper case' ? '0123456789' : 'x'}`],
  })),
  {
    ...chunked('a size of sixteen digits', `fffffffffffffff1\r\n${AMBIGUOUS_BODY}`),
    outcome: 'either',
    puma: [`POST /a ${AMBIGUOUS_BODY}`],
    isIncomplete: true,
  },
];

function chunked(name: string, body: string): Pick<Case, 'name' | 'bytes'> {
  return { name: `chunks: ${name}`, bytes: post('/a', body, 'Transfer-Encoding: chunked') };
}
