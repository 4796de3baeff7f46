import { paint } from './colours.ts';
import { columnsOf, cut, withoutControls } from './terminal-text.ts';

/** isQuestion: what is typed follows it, so that the cursor has to stand behind it. */
export type Lead = { text: string; isTrouble: boolean; isQuestion: boolean };

/** Less of the state than that says nothing. */
const STATUS_LEAST = 20;
const TYPED = ' > ';

/** A question or an answer as the last line, the state behind an answer where there is room for it. */
export function leadLine(lead: Lead, columns: number, colours: boolean, status: (columns: number) => string): string {
  const all = withoutControls(lead.text);
  if (lead.isQuestion) return painted(cutQuestion(all, columns), lead, colours);
  const text = cut(` ${all}`, columns);
  const left = columns - columnsOf(text) - 2;
  return painted(text, lead, colours) + (left >= STATUS_LEAST ? ` ·${status(left)}` : '');
}

/** What was typed is the last to be cut. */
function cutQuestion(text: string, columns: number): string {
  const at = text.lastIndexOf(TYPED);
  if (at < 0) return cut(` ${text}`, columns);
  const typed = text.slice(at);
  return cut(cut(` ${text.slice(0, at)}`, Math.max(0, columns - columnsOf(typed))) + typed, columns);
}

function painted(text: string, { isTrouble, isQuestion }: Lead, colours: boolean): string {
  if (!colours) return text;
  if (isTrouble) return paint(text, 'red');
  return isQuestion ? paint(text, 'bold') : text;
}
