/** Process type -> command, in the order of the file. */
export type Procfile = ReadonlyMap<string, string>;

/** The text of a Procfile; or every problem of it, each with its line. Lines that begin with `#` are comments, as the
 * platform takes them: it passes over what is no `type: command`, and so loses a process type without a word. */
export function parseProcfile(text: string): { types: Procfile; problems: readonly string[] } {
  const types = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, type, command] = /^([\w-]+)\s*:\s*(.*)$/.exec(line) ?? [];
    const where = `Procfile, line ${index + 1}`;
    if (type === undefined) problems.push(`${where}: expected "type: command", like "web: mstdn-supervise web"`);
    else if (command === undefined || command === '') problems.push(`${where}: ${type} has no command`);
    else if (types.has(type)) problems.push(`${where}: ${type} stands here twice`);
    else types.set(type, command);
  }
  if (types.size === 0 && problems.length === 0) problems.push('Procfile: no process type in it');
  return { types, problems };
}
