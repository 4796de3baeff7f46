/** Programs that run another's text: what they run names the process. */
const INTERPRETER = /^(ruby|jruby|node|nodejs)[\d.-]*$/;
const SHELL = /^-?(ba|da|z|k)?sh$/;
const NAMES = ['puma', 'sidekiq', 'streaming', 'rails', 'rake'];

/** What a process of a dyno is, told from outside: by the title that it gave itself, or by what its command line runs.
 * name: what the kernel calls it. */
export function labelOf(title: string, name: string, parentLabel: string | null): string {
  const words = title.split(' ').filter((word) => word !== '');
  const first = basename(words[0] ?? name);
  const titled = NAMES.find((one) => first === one || first === `${one}:`);
  if (titled !== undefined) return /^puma: cluster worker/.test(title) ? 'puma worker' : titled;
  if (SHELL.test(first)) return 'shell';
  if (!INTERPRETER.test(first)) return first === '' ? name : first;
  const script = words.slice(1).filter((word) => !word.startsWith('-'));
  const own = script.map(programOf).find((word) => word !== 'bundle' && word !== 'exec') ?? '';
  if (own === 'mstdn-supervise') return 'supervisor';
  return NAMES.find((one) => own === one) ?? parentLabel ?? first;
}

/** `/app/dist/stand-ins/puma.js` -> `puma`; `./streaming/index.js` -> `streaming`. */
function programOf(word: string): string {
  const file = basename(word).replace(/\.(js|cjs|mjs|rb)$/, '');
  return file === 'index' ? basename(word.slice(0, Math.max(0, word.lastIndexOf('/')))) : file;
}

function basename(path: string): string {
  return path.replace(/\/+$/, '').slice(path.replace(/\/+$/, '').lastIndexOf('/') + 1);
}
