/** The colours of the plots: a canvas takes none from style sheets by itself. */
export type Theme = {
  text: string;
  quiet: string;
  surface: string;
  grid: string;
  warn: string;
  bad: string;
  accent: string;
  font: string;
  ofLabel(label: string): string;
};

const LABELS = ['shell', 'supervisor', 'rails', 'puma', 'puma worker', 'sidekiq', 'streaming', 'convert'];
const OTHERS = 3;

/** As they are now, in light or dark. */
export function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: value('text'),
    quiet: value('quiet'),
    surface: value('surface'),
    grid: value('grid'),
    warn: value('warn'),
    bad: value('bad'),
    accent: value('accent'),
    font: value('sans'),
    ofLabel: (label) => value(`process-${colourName(label)}`),
  };
}

export function onThemeChange(call: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', call);
}

/** `puma-worker`; programs that nobody foresaw share a few. */
export function colourName(label: string): string {
  if (LABELS.includes(label)) return label.replaceAll(' ', '-');
  return `other-${hash(label) % OTHERS}`;
}

export function hash(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return sum;
}
