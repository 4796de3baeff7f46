// Versions of what comes from Debian.
import { execFileSync } from 'node:child_process';

/** Throws where it is not installed, or this is no Debian. */
export function debianVersion(name) {
  return execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** parts: { name: package }; gives { name: version }, of those that came as packages. */
export function versionsOf(parts) {
  return Object.fromEntries(
    Object.entries(parts).flatMap(([name, of]) => {
      try {
        return [[name, debianVersion(of)]];
      } catch {
        return []; // from elsewhere, and on the PATH
      }
    }),
  );
}

/** What a dyno with real parts is made of. */
export const REAL_PARTS = { ruby: 'ruby', puma: 'puma', sidekiq: 'ruby-sidekiq', Redis: 'redis-server' };
export const REAL_RAILS = { Rails: 'ruby-rails' };
