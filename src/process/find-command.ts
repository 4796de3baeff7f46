import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

export type Found = { path: string } | { error: NodeJS.ErrnoException };

/** Where execvp would find this command: as it is when it has a slash, else along PATH. ENOENT or EACCES otherwise. */
export function findCommand(name: string, path: string | undefined, folder: string): Found {
  const hasSlash = name.includes('/');
  const places = hasSlash ? [''] : (path ?? '/usr/bin:/bin').split(delimiter);
  let error = failure('ENOENT', `command not found: ${name}`);
  if (name === '') return { error };
  for (const place of places) {
    const file = resolve(folder, place, name);
    const isFile = look(file)?.isFile();
    if (isFile === undefined || (!isFile && !hasSlash)) continue;
    if (isFile && isExecutable(file)) return { path: file };
    error = failure('EACCES', `not executable: ${file}`);
  }
  return { error };
}

/** Nothing is there where it cannot be looked at, too: symbolic links in a circle, a name too long. */
function look(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
