import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { lookup } from 'node:dns/promises';
import type { View } from '../simulation.ts';
import type { ConnectionCount } from './figures.ts';

/** A row of /proc/net/tcp. Addresses are written `127.0.0.1` or `0:0:0:0:0:0:0:1`. */
type TcpRow = { remote: string; remotePort: number; isEstablished: boolean; inode: string };
export type Address = { addresses: readonly string[]; port: number };

const ESTABLISHED = '01';
const POSTGRES = 5432;

/** Parses /proc/net/tcp or tcp6. An IPv4-mapped IPv6 address becomes an IPv4 address. */
export function parseTcp(text: string): TcpRow[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, , remote = '', state, , , , , , inode] = line.trim().split(/\s+/);
      const [address, port] = remote.split(':');
      if (address === undefined || port === undefined || inode === undefined) return [];
      return [
        { remote: parseAddress(address), remotePort: parseInt(port, 16), isEstablished: state === ESTABLISHED, inode },
      ];
    });
}

/** The kernel writes each 32-bit word in native byte order, which is little-endian on all supported machines. */
function parseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join('.');
  const isMapped = bytes.slice(0, 12).join('') === '00000000000000000000ffff'.toUpperCase();
  if (isMapped)
    return bytes
      .slice(12)
      .map((byte) => parseInt(byte, 16))
      .join('.');
  const pairs = Array.from({ length: 8 }, (_, at) => parseInt(bytes.slice(2 * at, 2 * at + 2).join(''), 16));
  return pairs.map((pair) => pair.toString(16)).join(':');
}

/** Host and port of a DATABASE_URL, or why it has none. */
export function parseDatabaseUrl(url: string | undefined): { host: string; port: number } | string {
  if (!url) return 'no DATABASE_URL is set';
  if (!URL.canParse(url)) return 'DATABASE_URL is no URL';
  const { hostname, port, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname).replace(/^\[|\]$/g, '');
  if (host === '' || host.startsWith('/')) return 'DATABASE_URL is a unix socket';
  return { host, port: Number(port || POSTGRES) };
}

/** Counts the established connections of these processes to the address. */
export function countConnections(
  rows: readonly TcpRow[],
  inodes: ReadonlySet<string>,
  { addresses, port }: Address,
): number {
  const isTheirs = ({ remote, remotePort, isEstablished, inode }: TcpRow): boolean =>
    isEstablished && remotePort === port && addresses.includes(remote) && inodes.has(inode);
  return rows.filter(isTheirs).length;
}

/** Finds the database in the environment of one of the processes. Resolves with the reason if it cannot be found. */
export async function findDatabase(pids: readonly number[]): Promise<Address | string> {
  if (read('/proc/net/tcp') === '') return 'this machine has no /proc/net/tcp';
  const urls = pids.flatMap((pid) => /\0DATABASE_URL=([^\0]*)/.exec(`\0${read(`/proc/${pid}/environ`)}`)?.[1] ?? []);
  const address = parseDatabaseUrl(urls[0]);
  if (typeof address === 'string') return address;
  const found = await lookup(address.host, { all: true }).catch(() => []);
  if (found.length === 0) return `the host of DATABASE_URL is not known here: ${address.host}`;
  return {
    addresses: found.map(({ address }) => (isIPv4(address) ? address : expandIpv6(address))),
    port: address.port,
  };
}

/** Processes that may hold connections: those of the dynos and of a running release. */
export function candidatePids({ dynos, release }: View): number[] {
  const trees = dynos.flatMap(({ runs }) => runs.flatMap(({ processes }) => processes));
  return [...trees, ...(release.processes ?? [])].map(({ pid }) => pid);
}

export function readConnections(pids: readonly number[], address: Address | string): ConnectionCount {
  if (typeof address === 'string') return { kind: 'not visible', reason: address };
  const rows = ['tcp', 'tcp6'].flatMap((name) => parseTcp(read(`/proc/net/${name}`)));
  return { kind: 'seen', peak: countConnections(rows, new Set(pids.flatMap(socketsOf)), address) };
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return list(folder).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/${fd}`))?.[1] ?? []);
}

/** `::1` -> `0:0:0:0:0:0:0:1` */
function expandIpv6(address: string): string {
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [first, last] = [words(head), words(tail ?? '')];
  const middle = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...Array.from({ length: middle }, () => '0'), ...last].join(':');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
