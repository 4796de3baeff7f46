import type { DynoView, PlatformEvent, RunView } from '../../simulation.ts';

const MB = 2 ** 20;
const GB = 2 ** 30;

/** `312 MB`, `1.5 GB`; a dash if unknown. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '–';
  if (bytes >= GB) return `${formatNumber(bytes / GB, bytes >= 10 * GB ? 1 : 2)} GB`;
  return `${formatNumber(bytes / MB, bytes < 10 * MB ? 1 : 0)} MB`;
}

function formatNumber(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

export function formatShare(bytes: number | null, quotaBytes: number): string {
  return bytes === null ? '–' : `${Math.round((bytes / quotaBytes) * 100)} %`;
}

/** `45 s`, `2 min 5 s`, `3 h 10 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${optionalPart(seconds % 60, 's')}`;
  return `${Math.floor(minutes / 60)} h${optionalPart(minutes % 60, 'min')}`;
}

function optionalPart(count: number, unit: string): string {
  return count === 0 ? '' : ` ${count} ${unit}`;
}

/** `12:04:09`, in the user's time zone. */
export function formatTime(atMs: number): string {
  const time = new Date(atMs);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

export function formatCount(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Recent crashes of a dyno in one line, or an empty text. */
export function describeCrashes({ crashes, restartsAtMs }: DynoView, nowMs: number): string {
  const crashed = crashes === 0 ? '' : `${formatCount(crashes, 'crash', 'crashes')} in a row`;
  const waits = restartsAtMs === null ? '' : `starts again in ${formatDuration(restartsAtMs - nowMs)}`;
  return [crashed, waits].filter((text) => text !== '').join(', ');
}

/** `run 3, stopping, since 12:04:09, port 5100` */
export function describeRun({ id, phase, startedAtMs, port }: RunView, isFirst: boolean): string {
  const what = phase === 'stopping' && !isFirst ? 'draining' : phase;
  return `run ${id}, ${what}, started ${formatTime(startedAtMs)}${port === null ? '' : `, port ${port}`}`;
}

/** Events to highlight. A dyno that exits with 0, or goes up or down, is not one. */
export function isError({ kind, label }: PlatformEvent): boolean {
  return kind === 'error-code' || label === 'crashed' || (kind === 'exit' && label !== 'exit 0');
}

/** A process title without the folders of its programs and files. */
export function shortTitle(title: string): string {
  return title.replace(/(^|\s)\/(?:[^\s/]+\/)+(?=[^\s/])/g, '$1');
}

/** Removes terminal colour codes. */
export function withoutColours(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[\d;]*[A-Za-z]/g, '');
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Parses `512M` or `1.5 GB` into bytes. null for anything else. */
export function parseBytes(text: string): number | null {
  const [, number, unit] = /^\s*(\d{1,6}(?:[.,]\d{1,3})?)\s*([KMG])i?B?\s*$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number?.replace(',', '.')) * (UNITS[unit?.toUpperCase() ?? ''] ?? NaN));
  return bytes > 0 ? bytes : null;
}

/** Formats bytes as a user types them: `512M`, `1G`. */
export function formatAmount(bytes: number): string {
  const gigabytes = bytes / 2 ** 30;
  return Number.isInteger(gigabytes) ? `${gigabytes}G` : `${Math.round(bytes / 2 ** 20)}M`;
}

/** Key -> the id of the button with the same action. */
export const SHORTCUTS: Readonly<Record<string, string>> = {
  d: 'deploy',
  r: 'restart',
  k: 'kill',
  c: 'kill',
  f: 'flood',
  s: 'open-stream',
  x: 'close-stream',
  u: 'quota',
  l: 'log-reader',
  '/': 'filter',
  q: 'quit',
  '?': 'help',
};

export type KeyPress = {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  repeat: boolean;
  /** The focused element: its tag name, for an `input` with its type. */
  target: string;
};

const TEXT_FIELDS = /^(textarea|select|editable|input (?!radio$|checkbox$|button$|submit$))/;

/** The shortcut of a key press. null while a text field has the focus or a modifier is pressed. */
export function shortcutOf({ key, ctrlKey, altKey, metaKey, repeat, target: into }: KeyPress): string | null {
  if (ctrlKey || altKey || metaKey || repeat || TEXT_FIELDS.test(into)) return null;
  const letter = key.toLowerCase();
  return Object.hasOwn(SHORTCUTS, letter) ? (SHORTCUTS[letter] ?? null) : null;
}
