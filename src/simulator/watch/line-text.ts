import type { LogLine } from '../view.ts';
import { colourOf, paint } from './colours.ts';
import { withoutControls } from './terminal-text.ts';

/** What the platform says when something goes wrong. */
const TROUBLE = /\bError [RHL]\d\d\b|\bat=error\b|\bcrashed\b/;

/** As the platform prints it: `2026-01-01T00:00:00.000000+00:00 app[web.1]: text`. Nothing in it moves a terminal's cursor;
 * the colours that the text brings along go with ours. [D: Logging, Log format] */
export function lineText(line: LogLine, colours: boolean): string {
  const origin = `${line.source}[${withoutControls(line.from)}]:`;
  if (!colours) return `${timestamp(line.atMs)} ${origin} ${withoutControls(line.text)}`;
  return `${paint(timestamp(line.atMs), 'dim')} ${paint(origin, colourOf(line.from))} ${coloured(line)}`;
}

function coloured({ source, text }: LogLine): string {
  if (source === 'heroku' && TROUBLE.test(text)) return paint(withoutControls(text), 'red');
  const safe = withoutControls(text, { colours: true });
  return safe.includes('\x1b') ? `${safe}\x1b[0m` : safe;
}

/** UTC, in microseconds. */
function timestamp(atMs: number): string {
  const micros = Math.floor(atMs * 1000);
  const wholeMs = Math.floor(micros / 1000);
  const rest = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${rest}+00:00`;
}
