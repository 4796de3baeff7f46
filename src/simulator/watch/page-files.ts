import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

export type PageFile = { type: string; body: string };

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const TOKEN_PLACE = '%PAGE_TOKEN%';

/** The built page by its paths, with the token in its html. Read once, so that a build meanwhile does not mix two of them.
 * @throws Error where the folder is not there or has no page */
export function readPage(folder: string, token: string): ReadonlyMap<string, PageFile> {
  const files = readdirSync(folder).flatMap((name): [string, PageFile][] => {
    const type = TYPES[extname(name)];
    if (type === undefined) return [];
    const path = name === 'page.html' ? '/' : `/${name}`;
    return [[path, { type, body: readFileSync(join(folder, name), 'utf8').replaceAll(TOKEN_PLACE, token) }]];
  });
  const page = new Map(files);
  if (!page.has('/')) throw new Error(`no page in ${folder}; build it: npm run build`);
  return page;
}
