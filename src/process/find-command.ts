import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

export type CommandLookup = { path: string } | { error: NodeJS.ErrnoException };

/** The file that execvp would run for this command: the name itself when it contains a slash, else the first match on PATH.
 * An error with the code ENOENT or EACCES otherwise. */
export function findCommand(name: string, path: string | undefined, workingFolder: string): CommandLookup {
  const hasSlash = name.includes('/');
  const folders = hasSlash ? [''] : (path ?? '/usr/bin:/bin').split(delimiter);
  let error = errorWithCode('ENOENT', `command not found: ${name}`);
  if (name === '') return { error };
  for (const folder of folders) {
    const file = resolve(workingFolder, folder, name);
    const isFile = statIfPossible(file)?.isFile();
    if (isFile === undefined || (!isFile && !hasSlash)) continue;
    if (isFile && isExecutable(file)) return { path: file };
    error = errorWithCode('EACCES', `not executable: ${file}`);
  }
  return { error };
}

/** A path for which stat fails counts as missing too: a loop of symbolic links, a name that is too long. */
function statIfPossible(file: string): Stats | undefined {
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

function errorWithCode(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
