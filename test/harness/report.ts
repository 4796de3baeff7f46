import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node';

type Counts = { passed: number; failed: number; skipped: number };

/** Ends the output with a line like `123 passed, 0 failed`, and makes the exit code match it. */
export default class Report implements Reporter {
  #counts: Counts | undefined;

  /** Prints at process exit: the global teardown and Vitest itself print after the last test. */
  onInit(): void {
    process.once('exit', () => {
      if (this.#counts) process.stdout.write(`${this.#conclude(this.#counts)}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#counts = count(modules, unhandledErrors);
  }

  #conclude({ passed, failed, skipped }: Counts): string {
    const failedOtherwise = process.exitCode !== undefined && process.exitCode !== 0;
    const isFailure = failed > 0 || passed === 0 || failedOtherwise;
    if (isFailure && !failedOtherwise) process.exitCode = 1;
    const line = `${passed} passed, ${isFailure ? Math.max(failed, 1) : 0} failed`;
    return skipped > 0 ? `${line}, ${skipped} skipped` : line;
  }
}

/** Tests that never ended count as failed, and so do files or suites with errors outside their tests, and unhandled errors. */
export function count(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Counts {
  const tests = modules.flatMap((module) => [...module.children.allTests()]).map((test) => test.result().state);
  const suites = modules.flatMap((module): (TestModule | TestSuite)[] => [module, ...module.children.allSuites()]);
  const broken = suites.filter((suite) => suite.errors().length > 0).length;
  const countOf = (state: string): number => tests.filter((test) => test === state).length;
  return {
    passed: countOf('passed'),
    skipped: countOf('skipped'),
    failed: countOf('failed') + countOf('pending') + broken + unhandledErrors.length,
  };
}
