import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';

/** What a dyno's shell reads before the command; part of the slug. */
const OF_THE_SHELL = ['.profile', '.profile.d'];

export function copyProfile(from: string, to: string): void {
  for (const name of OF_THE_SHELL) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true });
  }
}
