import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The Node versions that `npm test` installs into .cache/nodes (scripts/parts.js). */
export const nodes = ['20', '22', '24'].map((major) => {
  const path = fileURLToPath(new URL(`../../.cache/nodes/${major}/bin/node`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: npm test installs it, npx vitest does not`);
  return { major, path };
});
