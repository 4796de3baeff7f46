import type { DynoView, RunView, View } from '../view.ts';
import { paint, type Style } from './colours.ts';
import { columnsOf, cut, withoutControls } from './terminal-text.ts';

type Piece = { text: string; style?: Style };
/** What is shown; each step of DETAILS leaves out what matters least of what is left. */
type Detail = {
  children: boolean;
  /** `331/512M` before the share. */
  sum: boolean;
  draining: boolean;
  release: boolean;
  traffic: 'all' | 'open' | 'none';
  keys: '? keys' | '?' | '';
};

const ALL: Detail = { children: true, sum: true, draining: true, release: true, traffic: 'all', keys: '? keys' };
const ESSENTIAL: Detail = { ...ALL, traffic: 'none', keys: '' };
const DETAILS: readonly Detail[] = [
  ALL,
  { ...ALL, traffic: 'open' },
  { ...ALL, traffic: 'open', keys: '?' },
  { ...ESSENTIAL, keys: '?' },
  { ...ESSENTIAL, keys: '?', sum: false },
  { ...ESSENTIAL, keys: '?', children: false },
  { ...ESSENTIAL, children: false },
  { ...ESSENTIAL, children: false, sum: false },
  { ...ESSENTIAL, children: false, sum: false, release: false, draining: false },
];

/** The one line that stays below the log: each dyno's state, the memory of its children in MB against the quota, what is
 * open. Takes at most `columns`, and leaves out what matters less until it fits. */
export function statusLine(view: View, columns: number, colours: boolean): string {
  for (const detail of DETAILS) {
    const pieces = [{ text: ' ' }, ...describe(view, detail)];
    if (columnsOf(pieces.map(({ text }) => text).join('')) <= columns) {
      return pieces.map(({ text, style }) => (colours && style ? paint(text, style) : text)).join('');
    }
  }
  return cut(inShort(view), columns);
}

function describe(view: View, detail: Detail): Piece[] {
  const parts = [
    ...(detail.release ? release(view) : []),
    ...view.dynos.map((dyno) => describeDyno(dyno, view.atMs, detail)),
    ...traffic(view, detail).map((text): Piece[] => [{ text }]),
    ...(detail.keys === '' ? [] : [[{ text: detail.keys, style: 'dim' }] satisfies Piece[]]),
  ];
  return parts.flatMap((part, place): Piece[] => (place === 0 ? part : [{ text: ' · ', style: 'dim' }, ...part]));
}

function release({ release: { version, state } }: View): Piece[][] {
  if (state === 'running') return [[{ text: `release v${version} runs`, style: 'yellow' }]];
  return state === 'failed' ? [[{ text: `release v${version} failed`, style: 'red' }]] : [];
}

function traffic(view: View, { traffic }: Detail): string[] {
  if (traffic === 'none') return [];
  const open = `${view.openRequests} open`;
  if (traffic === 'open') return [open];
  const streams = `${view.openStreams} ${view.openStreams === 1 ? 'stream' : 'streams'}`;
  return [open, streams, ...(view.logReader === 'full' ? [] : [`log ${view.logReader}`])];
}

function describeDyno(dyno: DynoView, atMs: number, detail: Detail): Piece[] {
  const pieces: Piece[] = [
    { text: withoutControls(dyno.name), style: 'bold' },
    { text: ' ' },
    describeState(dyno, atMs),
  ];
  const [first, ...others] = dyno.runs;
  if (first !== undefined) pieces.push(...memory(first, dyno.quotaBytes, detail));
  if (detail.draining && others.length > 0) pieces.push({ text: ` +${others.length} stopping`, style: 'yellow' });
  return pieces;
}

function describeState({ state, sinceMs, restartsAtMs }: DynoView, atMs: number): Piece {
  const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))}s`;
  switch (state) {
    case 'up':
      return { text: state, style: 'green' };
    case 'down':
      return { text: state, style: 'dim' };
    case 'crashed':
      return { text: state, style: 'red' };
    case 'cooling off':
      return { text: restartsAtMs === null ? state : `${state} ${seconds(restartsAtMs - atMs)}`, style: 'red' };
    case 'starting':
    case 'stopping':
      return { text: `${state} ${seconds(atMs - sinceMs)}`, style: 'yellow' };
  }
}

function memory(run: RunView, quotaBytes: number, detail: Detail): Piece[] {
  if (run.bytes === null) return [];
  const share = run.bytes / quotaBytes;
  const percent = `${Math.round(share * 100)}%`;
  const style: Style = share >= 1 ? 'red' : share >= 0.9 ? 'yellow' : 'green';
  const children = detail.children ? childrenOf(run) : '';
  const sum = detail.sum ? `=${mebibytes(run.bytes)}/${mebibytes(quotaBytes)}M ` : '';
  return [{ text: `${children === '' ? ' ' : `  ${children}  `}${sum}` }, { text: percent, style }];
}

/** What a process forked counts as part of it; the shell and the supervisor are in the sum only. */
function childrenOf({ processes }: RunView): string {
  const sums = new Map<string, number | null>();
  for (const { label, bytes } of processes) {
    const name = withoutControls(label).split(' ')[0] ?? '';
    if (name === '' || name === 'shell' || name === 'supervisor') continue;
    const sum = sums.get(name);
    sums.set(name, bytes === null || sum === null ? null : (sum ?? 0) + bytes);
  }
  return [...sums].map(([name, bytes]) => `${name} ${bytes === null ? '?' : mebibytes(bytes)}`).join(' ');
}

/** For very narrow terminals: how many are in which state, and the fullest one. */
function inShort({ dynos }: View): string {
  const counts = new Map<string, number>();
  for (const { state } of dynos) counts.set(state, (counts.get(state) ?? 0) + 1);
  const shares = dynos.map(({ runs, quotaBytes }) => (runs[0]?.bytes ?? 0) / quotaBytes);
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(' ');
  return `${states} ${Math.round(Math.max(0, ...shares) * 100)}%`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
