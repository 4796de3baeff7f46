import type { ExitStatus } from '../exit-status.ts';
import type { Process } from '../host.ts';

/** The fields of execa's result that say how the command exited. */
type ExecaResult = { exitCode?: number; signal?: NodeJS.Signals; cause?: unknown; command: string };

/** Starts a command that exits by itself, such as a migration: without a shell, in a session of its own, with our output. Loads execa
 * only now, because a running dyno never needs it. */
export async function runCommand(
  command: readonly [string, ...string[]],
  options: { env: NodeJS.ProcessEnv; folder: string },
): Promise<Process> {
  const { execa } = await import('execa');
  const [file, ...args] = command;
  try {
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
    const { pid = null } = child;
    const signal = (name: NodeJS.Signals): void => {
      if (pid !== null) child.kill(name); // without a pid Node might signal another process, as in spawn.ts
    };
    return { pid, exited: child.then(toStatus), signal };
  } catch (error) {
    return { pid: null, exited: Promise.resolve({ kind: 'not-started', error: error as Error }), signal: () => {} };
  }
}

function toStatus({ exitCode, signal, cause, command }: ExecaResult): ExitStatus {
  if (signal !== undefined) return { kind: 'signaled', signal: signal };
  if (exitCode !== undefined) return { kind: 'exited', code: exitCode };
  return { kind: 'not-started', error: cause instanceof Error ? cause : new Error(`could not start ${command}`) };
}
