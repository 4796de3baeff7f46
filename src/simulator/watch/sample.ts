import type { DynoSample, RunSample, Sample } from '../page/messages.ts';
import type { DynoView, RunView, View } from '../view.ts';

/** More kinds of processes than these in one run are added up as OTHER: a sample stays small, whatever a dyno starts. */
const LABELS_MOST = 8;
const OTHER = 'other';

export function sampleOf({ atMs, dynos }: View): Sample {
  return { atMs, dynos: Object.fromEntries(dynos.map((dyno) => [dyno.name, ofDyno(dyno)])) };
}

function ofDyno({ quotaBytes, runs }: DynoView): DynoSample {
  return { quotaBytes, runs: runs.map(ofRun) };
}

function ofRun({ id, bytes, processes }: RunView): RunSample {
  const labels = new Map<string, number>();
  for (const { label, bytes: own } of processes) {
    if (own === null) continue;
    const name = labels.has(label) || labels.size < LABELS_MOST ? label : OTHER;
    labels.set(name, (labels.get(name) ?? 0) + own);
  }
  return { id, bytes, labels: Object.fromEntries(labels) };
}
