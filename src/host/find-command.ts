import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

export type Found = { path: string } | { error: NodeJS.ErrnoException };

/** Where execvp would find this command: as it is when it has a slash, else along PATH. ENOENT or EACCES otherwise. */
export function findCommand(name: string, path: string | undefined, folder: string): Found {
  const places = name.includes('/') ? [folder] : (path ?? '/usr/bin:/bin').split(delimiter);
  let error = failure('ENOENT', `command not found: ${name}`);
  for (const place of places) {
    const candidate = resolve(folder, join(place, name));
    const file = name.startsWith('/') ? name : candidate;
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    if (isExecutable(file)) return { path: file };
    error = failure('EACCES', `not executable: ${file}`);
  }
  return { error };
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
