import { DEFAULT_NEEDS } from './commands.ts';
import type { Place } from './place.ts';
import type { Environment, Settings } from './settings.ts';
import type { Plan } from './spec.ts';

/** Default commands in a folder that is no Mastodon checkout. */
export function placeProblems(plan: Plan, settings: Settings, env: Environment, place: Place): string[] {
  const kinds = plan.kind === 'serve' ? new Set(plan.children.map(({ kind }) => kind)) : [];
  const needs = plan.kind === 'release' ? [DEFAULT_NEEDS.migrate] : [...kinds].map((kind) => DEFAULT_NEEDS[kind]);
  return needs
    .filter(({ variable, path }) => !env[variable] && !place.has[path])
    .map(({ variable, path }) => {
      const command = settings[variable as 'PUMA_COMMAND'].join(' ');
      return `no ${path} in ${place.folder}, so this is no Mastodon checkout and \`${command}\` cannot work: start there, or set ${variable}`;
    });
}
