import type { Reporter, SerializedError, TestModule, TestSuite } from 'vitest/node';

type Counts = { passed: number; failed: number; skipped: number };

/** Ends the whole output with `123 passed, 0 failed`, and holds that line and the exit code to one another. */
export default class Report implements Reporter {
  #counts: Counts | undefined;

  /** At the exit of the process, since the global teardown and Vitest itself still have things to say. */
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

/** A test that never ended has failed; so has a file or suite that broke outside its tests, and any stray error. */
export function count(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Counts {
  const tests = modules.flatMap((module) => [...module.children.allTests()]).map((test) => test.result().state);
  const suites = modules.flatMap((module): (TestModule | TestSuite)[] => [module, ...module.children.allSuites()]);
  const broken = suites.filter((suite) => suite.errors().length > 0).length;
  const ended = (state: string): number => tests.filter((test) => test === state).length;
  return {
    passed: ended('passed'),
    skipped: ended('skipped'),
    failed: ended('failed') + ended('pending') + broken + unhandledErrors.length,
  };
}
