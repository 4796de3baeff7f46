// What the whole dyno takes, by the memory story of that name: the shell line, us, and what each saving is worth. Takes 5 minutes.
import { STORIES } from '../../memory/stories.js';
import { REAL_PARTS, REAL_RAILS } from '../debian.js';
import { wholeDyno } from '../pictures.js';

export async function whole({ say }) {
  const { title, rows, claims, data } = await STORIES.whole(say);
  const verdicts = claims.map(({ text, holds }) => `${holds ? 'reached' : 'missed'}: ${text}`);
  return {
    title,
    rows,
    notes: [ABOUT, ...verdicts],
    data,
    images: { 'whole-dyno.svg': wholeDyno(data) },
    parts: { ...REAL_PARTS, ...REAL_RAILS, jemalloc: 'libjemalloc2' },
  };
}

const ABOUT = `\`npm run memory -- whole\`: a Rails app on real puma and sidekiq, the same jobs and 20 requests a second for each; PSS of all
processes of the dyno, swap included. The last three rows are ours without one of its savings.`;
