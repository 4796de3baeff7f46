import { BlockList, isIP } from 'node:net';

/** Variables from one place: the environment, a file. */
export type Source = { name: string; vars: Readonly<Record<string, string | undefined>> };

type Kind = 'postgres' | 'redis' | 'hosts' | 'sentinels' | 'service';
/** What a variable names: hosts as they are written, or why they cannot be read. */
type Hosts = readonly string[] | { unreadable: string };

/** Every variable that makes Mastodon, Rails or libpq connect to PostgreSQL or Redis. A prefix names one of several databases
 * to Rails (REPLICA_, PRIMARY_, …) and one of several Redis connections to Mastodon (SIDEKIQ_, CACHE_). */
const VARIABLES: readonly (readonly [name: RegExp, kind: Kind])[] = [
  [/^(\w+_)?DATABASE_URL$/, 'postgres'],
  [/^(\w+_)?REDIS_URL$/, 'redis'],
  [/^(\w+_)?(DB|REDIS)_HOST$/, 'hosts'],
  [/^(\w+_)?REDIS_SENTINELS$/, 'sentinels'],
  [/^PGHOST(ADDR)?$/, 'hosts'],
  [/^PGSERVICE$/, 'service'],
];

const LOCAL = 'localhost, 127.0.0.1, ::1 or the path of a unix socket';
const EXPECTED: Readonly<Record<Kind, string>> = {
  postgres: `postgres://USER:PASSWORD@HOST:PORT/DATABASE with a HOST of ${LOCAL}`,
  redis: `redis://HOST:PORT or unix:///PATH, with a HOST of ${LOCAL}`,
  hosts: LOCAL,
  sentinels: 'HOST:PORT[,HOST:PORT…] with localhost, 127.0.0.1 or [::1] for each HOST',
  service: 'nothing: it names hosts in a file that is not read here',
};
const SCHEMES: Partial<Record<Kind, readonly string[]>> = {
  postgres: ['postgres', 'postgresql'],
  redis: ['redis', 'rediss'],
};

/** One line for each variable that names a host other than this machine, with where it was set and what was expected. No
 * password is in them. A source hides nothing of the ones after it: which variable wins differs between Rails and streaming. */
export function remoteData(sources: readonly Source[]): string[] {
  return sources.flatMap(({ name: source, vars }) =>
    Object.entries(vars).flatMap(([name, value]) => {
      const kind = kindOf(name);
      if (kind === null || !value) return [];
      const hosts = hostsOf(kind, value);
      if ('unreadable' in hosts) return [`${name} (${source}) ${hosts.unreadable}; expected ${EXPECTED[kind]}`];
      const remote = hosts.filter((host) => !isLocal(host));
      if (remote.length === 0) return [];
      return [`${name} (${source}) names ${remote.map(printable).join(', ')}; expected ${EXPECTED[kind]}`];
    }),
  );
}

/** Whether the variable names a database or a Redis. */
export function namesData(variable: string): boolean {
  return kindOf(variable) !== null;
}

function kindOf(variable: string): Kind | null {
  return VARIABLES.find(([name]) => name.test(variable))?.[1] ?? null;
}

function hostsOf(kind: Kind, value: string): Hosts {
  switch (kind) {
    case 'postgres':
    case 'redis':
      return hostsOfUrl(value, kind);
    case 'hosts':
      return value.split(',');
    case 'sentinels':
      return value.split(',').map(withoutPort);
    case 'service':
      return { unreadable: `is set to ${printable(value)}` };
  }
}

/** Node's URL is of no use here: it refuses several hosts, and an empty host behind a user, which libpq takes. More than one
 * `@`, or one behind the host, is read differently by each client, so it is refused. */
function hostsOfUrl(url: string, kind: 'postgres' | 'redis'): Hosts {
  if (kind === 'redis' && /^unix:\/\/\S+$/i.test(url)) return [];
  const [, scheme = '', authority = '', query = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(?:\/[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/i.exec(url) ?? [];
  const isKnown = SCHEMES[kind]?.includes(scheme.toLowerCase()) === true;
  const isPlain = !/[\s\\\p{Cc}]/u.test(url) && !/@.*@/.test(url) && url.includes('@') === authority.includes('@');
  if (!isKnown || !isPlain) return { unreadable: 'is not a URL that can be read' };
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value] as const);
  if (parameters.some(([name]) => name === 'service')) return { unreadable: 'names a service' };
  const places = authority.slice(authority.indexOf('@') + 1).split(',');
  const hosts = places.map((place) => decoded(withoutPort(place)));
  if (hosts.some((host) => host === null)) return { unreadable: 'is not a URL that can be read' };
  const others = parameters.filter(([name]) => name === 'host' || name === 'hostaddr').map(([, value]) => value);
  return [...hosts, ...others].flatMap((host) => host?.split(',') ?? []);
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Only a number is taken for a port: what else stands there makes the host unknown. */
function withoutPort(place: string): string {
  return place.replace(/^(\[[^\]]*\]|[^:]*):\d{0,5}$/, '$1');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
// Listeners' words for every address; a client that connects to them reaches its own machine.
LOOPBACK.addAddress('0.0.0.0', 'ipv4');
LOOPBACK.addAddress('::', 'ipv6');

/** An empty host is the default of every client: localhost or a unix socket. A name other than `localhost` is never looked
 * up: what it resolves to can change. */
function isLocal(host: string): boolean {
  const bare = host.trim().replace(/^\[(.*)\]$/, '$1');
  if (bare === '' || bare.startsWith('/') || bare.toLowerCase() === 'localhost') return true;
  const version = isIP(bare);
  return version !== 0 && LOOPBACK.check(bare, version === 6 ? 'ipv6' : 'ipv4');
}

/** Without what may be a user and a password before the host, and without control characters. */
function printable(host: string): string {
  return JSON.stringify(host.replace(/^[^]*@/, '[hidden]@'));
}
