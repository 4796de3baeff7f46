import { DEFAULT_NEEDS, type Need } from './commands.ts';
import type { Place } from './place.ts';
import type { Environment, Settings } from './settings.ts';
import type { Plan } from './spec.ts';

/** Default commands in a folder that is no Mastodon checkout. */
export function placeProblems(plan: Plan, settings: Settings, env: Environment, place: Place): string[] {
  return needs(plan)
    .filter(({ variable, path }) => !env[variable] && !place.has[path])
    .map(({ variable, path }) => {
      const command = settings[variable].join(' ');
      return `no ${path} in ${place.folder}, so this is no Mastodon checkout and \`${command}\` cannot work: start there, or set ${variable}`;
    });
}

function needs(plan: Plan): Need[] {
  switch (plan.kind) {
    case 'nothing':
      return [];
    case 'release':
      return [DEFAULT_NEEDS.migrate, DEFAULT_NEEDS.afterMigrate];
    case 'serve':
      return [...new Set(plan.children.map(({ kind }) => kind))].map((kind) => DEFAULT_NEEDS[kind]);
  }
}
