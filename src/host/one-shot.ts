import type { ExitStatus } from '../exit-status.ts';
import type { Process } from './host.ts';

/** Starts a command that ends by itself, such as a migration: without a shell, in a session of its own, its output ours.
 * Loads execa, which a dyno at work never needs. */
export async function startOneShot(
  command: readonly [string, ...string[]],
  options: { env: NodeJS.ProcessEnv; folder: string },
): Promise<Process> {
  const { execa } = await import('execa');
  const [file, ...args] = command;
  const child = execa(file, args, {
    cwd: options.folder,
    env: options.env,
    extendEnv: false,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    cleanup: false,
    reject: false,
    forceKillAfterDelay: false,
  });
  const exited = child.then(({ exitCode, signal, cause }): ExitStatus => {
    if (signal !== undefined) return { kind: 'signaled', signal: signal };
    if (exitCode !== undefined) return { kind: 'exited', code: exitCode };
    return { kind: 'not-started', error: cause instanceof Error ? cause : new Error(`could not start ${file}`) };
  });
  return { pid: child.pid ?? null, exited, signal: (name) => void child.kill(name) };
}
