import type { DynoView, RunView, View } from '../simulation.ts';
import { countColumns, truncate, paint, type Style, withoutControls } from './text.ts';

type Piece = { text: string; style?: Style };
/** What to show. Each entry of DETAIL_LEVELS omits the least important remaining part. */
type StatusDetail = {
  children: boolean;
  /** `331/512M` before the percentage. */
  sum: boolean;
  draining: boolean;
  release: boolean;
  traffic: 'all' | 'open' | 'none';
  keys: '? keys' | '?' | '';
};

const ALL: StatusDetail = { children: true, sum: true, draining: true, release: true, traffic: 'all', keys: '? keys' };
const ESSENTIAL: StatusDetail = { ...ALL, traffic: 'none', keys: '' };
const DETAIL_LEVELS: readonly StatusDetail[] = [
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

/** The fixed line below the log: each dyno's state, the memory of its children in MB against the quota, and open
 * requests. Omits less important parts until it fits into `columns`. */
export function statusLine(view: View, columns: number, colours: boolean): string {
  for (const detail of DETAIL_LEVELS) {
    const pieces = [{ text: ' ' }, ...describe(view, detail)];
    if (countColumns(pieces.map(({ text }) => text).join('')) <= columns) {
      return pieces.map(({ text, style }) => (colours && style ? paint(text, style) : text)).join('');
    }
  }
  return truncate(shortStatus(view), columns);
}

function describe(view: View, detail: StatusDetail): Piece[] {
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

function traffic(view: View, { traffic }: StatusDetail): string[] {
  if (traffic === 'none') return [];
  const open = `${view.openRequests} open`;
  if (traffic === 'open') return [open];
  const streams = `${view.openStreams} ${view.openStreams === 1 ? 'stream' : 'streams'}`;
  return [open, streams, ...(view.logReader === 'full' ? [] : [`log ${view.logReader}`])];
}

function describeDyno(dyno: DynoView, atMs: number, detail: StatusDetail): Piece[] {
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

function memory(run: RunView, quotaBytes: number, detail: StatusDetail): Piece[] {
  if (run.bytes === null) return [];
  const share = run.bytes / quotaBytes;
  const percent = `${Math.round(share * 100)}%`;
  const style: Style = share >= 1 ? 'red' : share >= 0.9 ? 'yellow' : 'green';
  const children = detail.children ? childrenOf(run) : '';
  const sum = detail.sum ? `=${mebibytes(run.bytes)}/${mebibytes(quotaBytes)}M ` : '';
  return [{ text: `${children === '' ? ' ' : `  ${children}  `}${sum}` }, { text: percent, style }];
}

/** A forked process counts as part of its parent. Shell and supervisor only count in the sum. */
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

/** For very narrow terminals: the number of dynos per state, and the highest memory share. */
function shortStatus({ dynos }: View): string {
  const counts = new Map<string, number>();
  for (const { state } of dynos) counts.set(state, (counts.get(state) ?? 0) + 1);
  const shares = dynos.map(({ runs, quotaBytes }) => (runs[0]?.bytes ?? 0) / quotaBytes);
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(' ');
  return `${states} ${Math.round(Math.max(0, ...shares) * 100)}%`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** isQuestion: typed text follows, so the cursor stays at the end. */
type Prompt = { text: string; isError: boolean; isQuestion: boolean };

/** Fewer columns are not enough for a useful status. */
const MIN_STATUS_COLUMNS = 20;
const PROMPT_MARK = ' > ';

/** A question or an answer as the last line. The status follows an answer if there is room. */
export function promptLine(
  prompt: Prompt,
  columns: number,
  colours: boolean,
  status: (columns: number) => string,
): string {
  const all = withoutControls(prompt.text);
  if (prompt.isQuestion) return paintPrompt(truncateQuestion(all, columns), prompt, colours);
  const text = truncate(` ${all}`, columns);
  const statusColumns = columns - countColumns(text) - 2;
  return paintPrompt(text, prompt, colours) + (statusColumns >= MIN_STATUS_COLUMNS ? ` ·${status(statusColumns)}` : '');
}

/** The typed text is cut last. */
function truncateQuestion(text: string, columns: number): string {
  const at = text.lastIndexOf(PROMPT_MARK);
  if (at < 0) return truncate(` ${text}`, columns);
  const typedText = text.slice(at);
  return truncate(
    truncate(` ${text.slice(0, at)}`, Math.max(0, columns - countColumns(typedText))) + typedText,
    columns,
  );
}

function paintPrompt(text: string, { isError, isQuestion }: Prompt, colours: boolean): string {
  if (!colours) return text;
  if (isError) return paint(text, 'red');
  return isQuestion ? paint(text, 'bold') : text;
}
