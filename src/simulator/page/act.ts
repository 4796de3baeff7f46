import type { Action, Answer } from '../action.ts';

export type Act = (action: Action) => Promise<void>;

/** Sends actions and tells what came of each. Never rejects. */
export function acting(token: string, tell: (answer: Answer) => void): Act {
  return async (action) => tell(await answerTo(action, token));
}

async function answerTo(action: Action, token: string): Promise<Answer> {
  try {
    const reply = await fetch('actions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Page-Token': token },
      body: JSON.stringify(action),
    });
    const text = await reply.text();
    return isJson(reply) ? (JSON.parse(text) as Answer) : { ok: false, text: text.trim() };
  } catch {
    if (action.do === 'quit') return { ok: true, text: 'The simulation ends.' };
    return { ok: false, text: 'The simulation does not answer; is it still running in its terminal?' };
  }
}

function isJson(reply: Response): boolean {
  return reply.headers.get('Content-Type')?.startsWith('application/json') === true;
}
