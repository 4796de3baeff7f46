import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { convert } from './convert.ts';
import { knobs } from './knobs.ts';

/** `work` rejects when the job fails, and when it is cut short. */
export type Job = {
  jid: string;
  queue: string;
  class: string;
  /** How often it has failed. */
  failures: number;
  work: (cut: AbortSignal) => Promise<unknown>;
};

const CLASSES: Readonly<Record<string, string>> = {
  default: 'DistributionWorker',
  push: 'ActivityPub::DeliveryWorker',
  ingress: 'ActivityPub::ProcessingWorker',
  mailers: 'ActionMailer::MailDeliveryJob',
  pull: 'ThreadResolveWorker',
  scheduler: 'Scheduler::UserCleanupScheduler',
};

/** One that takes its time and no more. */
export function idleJob(queue: string): Job {
  const work = (signal: AbortSignal): Promise<unknown> => setTimeout(knobs.jobMs, undefined, { signal });
  return newJob(queue, CLASSES[queue] ?? `${queue}Worker`, work);
}

/** One that has a `convert` of that size work on a picture. */
export function convertJob(bytes: number): Job {
  return newJob('default', 'PostProcessMediaWorker', (cut) => convert(bytes, cut));
}

function newJob(queue: string, name: string, work: Job['work']): Job {
  return { jid: randomBytes(12).toString('hex'), queue, class: name, failures: 0, work };
}
