/** The process types of the Procfile. */
export type Role = 'web' | 'worker' | 'release';
/** As in process.env; the settings are in docs/settings.md. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Runs a dyno of this process type until it ends, in the current folder: what `mstdn-supervise ROLE` does. Handles the signals of this
 * process meanwhile.
 *
 * @returns the exit code of the dyno, see docs/termination.md
 * @throws ConfigError with every problem of `env` or of the folder, UsageError for another role; nothing was started.
 */
export function supervise(role: Role, env: Environment): Promise<number>;

/** What is wrong with the settings or with the machine; one line for each problem. Exit code 78. */
export class ConfigError extends Error {
  readonly code: 'SUPERVISE_CONFIG';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]);
}

/** The command line is wrong. Exit code 64. */
export class UsageError extends Error {
  readonly code: 'SUPERVISE_USAGE';
}
