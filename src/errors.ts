/** The settings or the folder are wrong. `problems` has one line for each problem found. Exit code 78. */
export class ConfigError extends Error {
  readonly code = 'SUPERVISE_CONFIG';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The command line is wrong. Exit code 64. */
export class UsageError extends Error {
  readonly code = 'SUPERVISE_USAGE';
}
