import { findCommand } from './find-command.ts';

/** SIGKILL for a process and its descendants as `ps` sees them: where there is no /proc to read ourselves.
 * Does nothing without the command that tree-kill runs along our own PATH, which would otherwise end us with an uncaught
 * error. */
export async function killTree(pid: number): Promise<void> {
  const lister = process.platform === 'darwin' ? 'pgrep' : 'ps';
  if ('error' in findCommand(lister, process.env.PATH, process.cwd())) return;
  const { default: treeKill } = await import('tree-kill');
  await new Promise<void>((resolve) => treeKill(pid, 'SIGKILL', () => resolve()));
}
