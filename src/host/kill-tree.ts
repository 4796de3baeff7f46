import { findCommand } from './find-command.ts';

/** SIGKILL for a process and its descendants as `ps` sees them: where there is no /proc to read ourselves.
 * Does nothing without the command that tree-kill runs, which would otherwise end us with an uncaught error. */
export async function killTree(pid: number, path: string | undefined): Promise<void> {
  const lister = process.platform === 'darwin' ? 'pgrep' : 'ps';
  if ('error' in findCommand(lister, path, '/')) return;
  const { default: treeKill } = await import('tree-kill');
  await new Promise<void>((resolve) => treeKill(pid, 'SIGKILL', () => resolve()));
}
