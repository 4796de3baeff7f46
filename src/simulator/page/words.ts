import type { DynoView, Happening, RunView } from '../view.ts';

const MB = 2 ** 20;
const GB = 2 ** 30;

/** `312 MB`, `1.5 GB`; the dash where nobody knows. */
export function amount(bytes: number | null): string {
  if (bytes === null) return '–';
  if (bytes >= GB) return `${trimmed(bytes / GB, bytes >= 10 * GB ? 1 : 2)} GB`;
  return `${trimmed(bytes / MB, bytes < 10 * MB ? 1 : 0)} MB`;
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

export function share(bytes: number | null, quotaBytes: number): string {
  return bytes === null ? '–' : `${Math.round((bytes / quotaBytes) * 100)} %`;
}

/** `45 s`, `2 min 5 s`, `3 h 10 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${some(seconds % 60, 's')}`;
  return `${Math.floor(minutes / 60)} h${some(minutes % 60, 'min')}`;
}

function some(count: number, unit: string): string {
  return count === 0 ? '' : ` ${count} ${unit}`;
}

/** `12:04:09`, in the reader's own time zone. */
export function clock(atMs: number): string {
  const time = new Date(atMs);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** What went wrong with a dyno lately, in one line; empty when nothing did. */
export function troubles({ crashes, restartsAtMs }: DynoView, nowMs: number): string {
  const crashed = crashes === 0 ? '' : `${count(crashes, 'crash', 'crashes')} in a row`;
  const waits = restartsAtMs === null ? '' : `starts again in ${duration(restartsAtMs - nowMs)}`;
  return [crashed, waits].filter((text) => text !== '').join(', ');
}

/** `run 3, stopping, since 12:04:09, port 5100` */
export function runText({ id, phase, startedAtMs, port }: RunView, isFirst: boolean): string {
  const what = phase === 'stopping' && !isFirst ? 'draining' : phase;
  return `run ${id}, ${what}, started ${clock(startedAtMs)}${port === null ? '' : `, port ${port}`}`;
}

/** What a reader should not miss; a dyno that ends with 0, or goes up and down, is no trouble. */
export function isTrouble({ kind, mark }: Happening): boolean {
  return kind === 'error-code' || mark === 'crashed' || (kind === 'exit' && mark !== 'exit 0');
}

/** What a process calls itself, without the folders of its programs and files. */
export function shortTitle(title: string): string {
  return title.replace(/(^|\s)\/(?:[^\s/]+\/)+(?=[^\s/])/g, '$1');
}

/** Without the codes that colour a terminal. */
export function withoutColours(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[\d;]*[A-Za-z]/g, '');
}
