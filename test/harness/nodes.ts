import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type InstalledNode = { major: string; path: string };

/** The Node versions that `npm test` installs into .cache/nodes (scripts/nodes.js): for tests of start, signals and exit. */
export const nodes: readonly InstalledNode[] = ['20', '22', '24', '26'].map((major) => {
  const path = fileURLToPath(new URL(`../../.cache/nodes/${major}/bin/node`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: npm test installs it, npx vitest does not`);
  return { major, path };
});

/** The oldest and the newest: for tests whose result depends on Node's libraries more than on its start and exit. */
export const oldestAndNewest: readonly InstalledNode[] = nodes.filter(({ major }) => major === '20' || major === '26');
