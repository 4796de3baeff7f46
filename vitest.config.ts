import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const withProcesses = ['process', 'output', 'linux', 'simulator'].map((folder) => `test/${folder}/**/*.test.{ts,js}`);
const withRealParts = ['real', 'dev'].map((folder) => `test/${folder}/**/*.test.ts`);

const chaos = ['test/chaos/**/*.test.ts'];

/** One kind of test after the other, so that Ruby's boots do not starve the clocks of the rest. */
export default defineConfig({
  test: {
    globalSetup: 'test/harness/leftovers.ts',
    reporters: ['default', './test/harness/report.ts'],
    projects: [
      kind('pure', 0, 120_000, ['test/**/*.test.{ts,js}'], [...withProcesses, ...withRealParts, ...chaos]),
      kind('process', 1, 120_000, withProcesses),
      kind('real', 2, 120_000, withRealParts),
      // More of them: `npm run chaos`.
      kind('chaos', 3, 600_000, chaos),
    ],
  },
});

function kind(
  name: string,
  groupOrder: number,
  timeoutMs: number,
  include: string[],
  exclude: string[] = [],
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include,
      exclude: [...exclude, '**/node_modules/**'],
      pool: 'forks',
      maxWorkers: 2,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      sequence: { groupOrder },
    },
  };
}
