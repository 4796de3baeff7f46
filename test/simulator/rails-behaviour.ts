import { describe, expect, it } from 'vitest';
import type { Part } from './part.ts';

const ok = { code: 0, signal: null };
const failed = { code: 1, signal: null };

/** `rails db:migrate` and `rails runner CODE`; `failing` makes the task of that name fail. */
export function describeRails(label: string, rails: Part, failing: (task: string) => Record<string, string>): void {
  const migrate = ['db:migrate'];
  const runner = ['runner', 'Rails.cache.clear'];

  describe(label, () => {
    it.each([[migrate], [runner]])('does %j', async (args) => {
      expect(await rails.start(args).exited).toEqual(ok);
    });

    it.each([
      ['db:migrate', migrate],
      ['runner', runner],
    ])('fails at %s with 1', async (task, args) => {
      expect(await rails.start(args, failing(task)).exited).toEqual(failed);
    });

    it('ends with 1 on TERM while it migrates, as rake does', async () => {
      const dyno = rails.start(migrate, rails.slowBoot);
      await dyno.waitForOutput(rails.saysFirst);
      dyno.signal('SIGTERM');
      expect(await dyno.exited).toEqual(failed);
      expect(dyno.output).toContain('SIGTERM');
    });

    it('ends with 1 on a task that it does not know', async () => {
      expect(await rails.start(['db:nonsense']).exited).toEqual(failed);
    });
  });
}
