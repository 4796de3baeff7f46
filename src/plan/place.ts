/** What the plan needs to know of where it runs. */
export type Place = {
  folder: string;
  /** What a Mastodon checkout has there. */
  has: Readonly<Record<'config/puma.rb' | 'config/environment.rb' | 'streaming', boolean>>;
  /** The text of config/sidekiq.yml; null without it. */
  sidekiqYml: string | null;
  /** Random name of this run. */
  runId: string;
};
