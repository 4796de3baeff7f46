import { lookup } from 'node:dns/promises';
import { BlockList, isIPv4 } from 'node:net';
import { readProcFile } from '../../linux/proc-file.ts';
import { openFilesOf } from '../platform/process-tree.ts';
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

const MAPPED_IPV4 = Buffer.from('00000000000000000000ffff', 'hex');

/** The kernel writes each 32-bit word in native byte order, which is little-endian on all supported machines. */
function parseAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32();
  if (bytes.length === 4 || bytes.subarray(0, 12).equals(MAPPED_IPV4)) return bytes.subarray(-4).join('.');
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(':');
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
  const database = new BlockList(); // compares addresses however they are written
  for (const address of addresses) database.addAddress(address, familyOf(address));
  const isTheirs = ({ remote, remotePort, isEstablished, inode }: TcpRow): boolean =>
    isEstablished && remotePort === port && inodes.has(inode) && database.check(remote, familyOf(remote));
  return rows.filter(isTheirs).length;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** Finds the database in the environment of one of the processes. Resolves with the reason if it cannot be found. */
export async function findDatabase(pids: readonly number[]): Promise<Address | string> {
  if (readProcFile('/proc/net/tcp') === '') return 'this machine has no /proc/net/tcp';
  const environments = pids.map((pid) => `\0${readProcFile(`/proc/${pid}/environ`, true)}`);
  const urls = environments.flatMap((environment) => /\0DATABASE_URL=([^\0]*)/.exec(environment)?.[1] ?? []);
  const address = parseDatabaseUrl(urls[0]);
  if (typeof address === 'string') return address;
  const found = await lookup(address.host, { all: true }).catch(() => []);
  if (found.length === 0) return `the host of DATABASE_URL is not known here: ${address.host}`;
  return { addresses: found.map(({ address }) => address.replace(/%.*/, '')), port: address.port };
}

/** Processes that may hold connections: those of the dynos and of a running release. */
export function candidatePids({ dynos, release }: View): number[] {
  const trees = dynos.flatMap(({ runs }) => runs.flatMap(({ processes }) => processes));
  return [...trees, ...(release.processes ?? [])].map(({ pid }) => pid);
}

export function readConnections(pids: readonly number[], address: Address | string): ConnectionCount {
  if (typeof address === 'string') return { kind: 'not visible', reason: address };
  const rows = ['tcp', 'tcp6'].flatMap((name) => parseTcp(readProcFile(`/proc/net/${name}`, true)));
  return { kind: 'seen', peak: countConnections(rows, new Set(pids.flatMap(socketsOf)), address) };
}

function socketsOf(pid: number): string[] {
  return openFilesOf(pid).flatMap((file) => /^socket:\[(\d+)\]$/.exec(file)?.[1] ?? []);
}
