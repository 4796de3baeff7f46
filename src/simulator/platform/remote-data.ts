import { BlockList, isIP } from 'node:net';

/** Variables from one source: the environment or a file. */
export type VariableSource = { name: string; vars: Readonly<Record<string, string | undefined>> };

/** The hosts that a variable names, or why they cannot be read. */
type Hosts = readonly string[] | { unreadable: string };
type VariableKind = { expected: string; hostsOf: (value: string) => Hosts };

const LOCAL = 'localhost, 127.0.0.1, ::1 or the path of a unix socket';
const POSTGRES: VariableKind = {
  expected: `postgres://USER:PASSWORD@HOST:PORT/DATABASE with a HOST of ${LOCAL}`,
  hostsOf: (url) => hostsOfUrl(url, ['postgres', 'postgresql']),
};
const REDIS: VariableKind = {
  expected: `redis://HOST:PORT or unix:///PATH, with a HOST of ${LOCAL}`,
  hostsOf: (url) => (/^unix:\/\/\S+$/i.test(url) ? [] : hostsOfUrl(url, ['redis', 'rediss'])),
};
const HOSTS: VariableKind = { expected: LOCAL, hostsOf: (value) => value.split(',') };
const SENTINELS: VariableKind = {
  expected: 'HOST:PORT[,HOST:PORT…] with localhost, 127.0.0.1 or [::1] for each HOST',
  hostsOf: (value) => value.split(',').map(withoutPort),
};
const SERVICE: VariableKind = {
  expected: 'it to be unset: it names hosts in a file that is not read',
  hostsOf: (value) => ({ unreadable: `is set to ${redactHost(value)}` }),
};

/** Every variable that makes Mastodon, Rails or libpq connect to PostgreSQL or Redis. With a prefix, Rails takes the
 * variable for one of several databases (REPLICA_, PRIMARY_, …), Mastodon for one of several Redis connections
 * (SIDEKIQ_, CACHE_). */
const VARIABLES: readonly (readonly [name: RegExp, kind: VariableKind])[] = [
  [/^(\w+_)?DATABASE_URL$/, POSTGRES],
  [/^(\w+_)?REDIS_URL$/, REDIS],
  [/^(\w+_)?(DB|REDIS)_HOST$/, HOSTS],
  [/^(\w+_)?REDIS_SENTINELS$/, SENTINELS],
  [/^PGHOST(ADDR)?$/, HOSTS],
  [/^PGSERVICE$/, SERVICE],
];

/** One line for each variable that names another machine, with its source and what was expected. Passwords are not
 * shown. Each source is checked, because Rails and streaming differ in which source wins. */
export function findRemoteData(sources: readonly VariableSource[]): string[] {
  return sources.flatMap(({ name: source, vars }) =>
    Object.entries(vars).flatMap(([name, value]) => {
      const kind = kindOf(name);
      if (kind === null || !value) return [];
      const hosts = kind.hostsOf(value);
      if ('unreadable' in hosts) return [`${name} (${source}) ${hosts.unreadable}; expected ${kind.expected}`];
      const remote = hosts.filter((host) => !isLocal(host));
      if (remote.length === 0) return [];
      return [`${name} (${source}) names ${remote.map(redactHost).join(', ')}; expected ${kind.expected}`];
    }),
  );
}

/** Whether the variable names a database or a Redis. */
export function namesData(variable: string): boolean {
  return kindOf(variable) !== null;
}

function kindOf(variable: string): VariableKind | null {
  return VARIABLES.find(([name]) => name.test(variable))?.[1] ?? null;
}

/** Node's URL cannot be used: it rejects several hosts, and an empty host after a user, both of which libpq accepts.
 * Clients disagree about more than one `@`, or one after the host, so such a URL is rejected. */
function hostsOfUrl(url: string, schemes: readonly string[]): Hosts {
  const [, scheme = '', authority = '', query = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(?:\/[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/i.exec(url) ?? [];
  const isKnown = schemes.includes(scheme.toLowerCase());
  const isPlain = !/[\s\\\p{Cc}]/u.test(url) && !/@.*@/.test(url) && url.includes('@') === authority.includes('@');
  if (!isKnown || !isPlain) return { unreadable: 'is not a valid URL' };
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value] as const);
  if (parameters.some(([name]) => name === 'service')) return { unreadable: 'names a service' };
  const places = authority.slice(authority.indexOf('@') + 1).split(',');
  const hosts = places.map((address) => decodeHost(withoutPort(address)));
  if (hosts.some((host) => host === null)) return { unreadable: 'is not a valid URL' };
  const others = parameters.filter(([name]) => name === 'host' || name === 'hostaddr').map(([, value]) => value);
  return [...hosts, ...others].flatMap((host) => host?.split(',') ?? []);
}

function decodeHost(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Only digits count as a port. Anything else makes the host unknown. */
function withoutPort(address: string): string {
  return address.replace(/^(\[[^\]]*\]|[^:]*):\d{0,5}$/, '$1');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
// Wildcard addresses: a client that connects to them reaches its own machine.
LOOPBACK.addAddress('0.0.0.0', 'ipv4');
LOOPBACK.addAddress('::', 'ipv6');

/** An empty host is every client's default: localhost or a unix socket. Names other than `localhost` are not resolved,
 * because the result can change. */
function isLocal(host: string): boolean {
  const bare = host.trim().replace(/^\[(.*)\]$/, '$1');
  if (bare === '' || bare.startsWith('/') || bare.toLowerCase() === 'localhost') return true;
  const version = isIP(bare);
  return version !== 0 && LOOPBACK.check(bare, version === 6 ? 'ipv6' : 'ipv4');
}

/** Hides a possible user and password, and control characters. */
function redactHost(host: string): string {
  return JSON.stringify(host.replace(/^[^]*@/, '[hidden]@'));
}
