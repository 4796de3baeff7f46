import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BUDGET_MS } from './record.ts';
import type { ChildName, Nature, Story } from './story.ts';
import { natureOf } from './story.ts';

export type Place = { folder: string; port: number; ruby: string; script: string };
type Environment = { [name: string]: string };

/** The config vars of the dyno of a story. */
export function environmentOf(story: Story, place: Place): Environment {
  return {
    ...{ PORT: `${place.port}`, TMPDIR: join(place.folder, 'own'), SUPERVISE_LOG_FORMAT: 'json' },
    SUPERVISE_STOP_TIMEOUT: story.mistake === 'setting' ? 'soon' : `${BUDGET_MS / 1000}`,
    SUPERVISE_START_TIMEOUT: story.waits ? '1' : '0',
    SUPERVISE_LOG_PREFIX: `${story.hasPrefix}`,
    ...memory(story.memory),
    ...(story.role === 'web' ? web(story) : {}),
    ...(hasSteps(story) ? clock(place) : {}),
    PUMA_COMMAND: story.mistake === 'not-found' ? 'no-such-command' : command(story, 'puma', place),
    SIDEKIQ_COMMAND: sidekiq(story, place),
    STREAMING_COMMAND: command(story, 'streaming', place),
  };
}

function sidekiq(story: Story, place: Place): string {
  if (story.mistake === 'not-found') return 'no-such-command';
  return story.mistake === 'not-executable' ? '/etc/passwd' : command(story, 'sidekiq', place);
}

function web({ hasWorker, hasRouter, streaming }: Story): Environment {
  const env = { RUN_WORKER: `${hasWorker}`, SUPERVISE_STREAMING_IDLE: '1s' };
  if (streaming !== 'none') return { ...env, RUN_STREAMING: streaming };
  return { ...env, SUPERVISE_ROUTER: `${hasRouter}` };
}

/** Marks far from the kill; where `save` is not off it lies right above relieve. */
function memory(reach: Story['memory']): Environment {
  if (reach === 'off') return { SUPERVISE_MEMORY_GUARD: 'off' };
  return {
    ...{ SUPERVISE_MEMORY_QUOTA: '100M', SUPERVISE_MEMORY_WARN_AT: '120', SUPERVISE_MEMORY_ACT_AT: '150' },
    ...{ SUPERVISE_MEMORY_KILLS_AT: '1000', SUPERVISE_MEMORY_EMERGENCY_AT: reach === 'save' ? '151' : '900' },
    SUPERVISE_RECYCLE_QUIET: '0.5',
  };
}

const FAKETIME = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
  .map((folder) => `${folder}/faketime/libfaketimeMT.so.1`)
  .find((file) => existsSync(file));

/** Whether the wall clock can be stepped here: Debian's package `faketime`. */
export const canStep = FAKETIME !== undefined;

function clock({ folder }: Place): Environment {
  if (FAKETIME === undefined) return {};
  const file = { FAKETIME_TIMESTAMP_FILE: join(folder, 'clock'), FAKETIME_NO_CACHE: '1' };
  return { LD_PRELOAD: FAKETIME, ...file, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

export function hasSteps({ happenings }: Story): boolean {
  return canStep && happenings.some(({ what }) => what.do === 'step');
}

function command(story: Story, name: ChildName, { folder, ruby, script }: Place): string {
  const nature = natureOf(story, name);
  const role = name === 'sidekiq' ? 'ready' : 'listen';
  const words = [ruby, script, name, `ledger=${join(folder, 'ledger')}`, role, `boot=${nature.bootMs}`];
  return [...words, ...livesOn(nature), ...(story.memory === 'off' ? [] : growth(nature))].join(' ');
}

function livesOn({ term, end, daemon, behind, lines, stalls }: Nature): string[] {
  const words = [`lines=${lines}`];
  if (term.how === 'ignore') words.push('term=ignore');
  else words.push(`term=${term.how === 'exit' ? term.code : 'signal'}`, `after=${term.afterMs}`);
  if (end !== null) words.push(end.how === 'exit' ? `exit=${end.code}` : `kill=${end.signal}`, `in=${end.inMs}`);
  if (daemon !== null) words.push(`daemon=${daemon.kind}`, `daemonin=${daemon.inMs}`);
  if (behind !== null) words.push(`behind=${behind}`);
  if (stalls !== null) words.push(`stall=${stalls.forMs}`);
  return words;
}

/** More than relieve and a quarter of the quota. */
function growth({ grows }: Nature): string[] {
  if (grows === null) return [];
  return [grows.what === 'helper' ? 'helper=160' : 'grow=160', `growin=${grows.inMs}`];
}
