import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Path and text without comments. */
type House = ReadonlyMap<string, string>;
/** types: nothing of it is left at run time. */
type Import = { from: string; what: string; types: boolean };

const OF_A_ROOM = [
  'plan/ (types)',
  'host/host.ts (types)',
  'facts.ts (types)',
  'measures.ts (types)',
  'exit-status.ts',
  'duration.ts',
];

/** Who may import whom, beside what stands in the same room. `node:` is any of Node's modules, packages are named. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'everything'>> = {
  'bin/': ['node:', '../dist/'],
  'main.ts': 'everything',
  'run-dyno.ts': 'everything',
  'guard-dyno.ts': 'everything',
  'watch-memory.ts': 'everything',
  'route-dyno.ts': 'everything',
  'open-router.ts': 'everything',
  'cli.ts': ['errors.ts'],
  'errors.ts': [],
  'exit-status.ts': ['node:os'],
  'duration.ts': [],
  'facts.ts': ['exit-status.ts (types)', 'plan/ (types)'],
  'measures.ts': ['plan/ (types)', 'host/host.ts (types)'],
  'line.ts': [],
  'describe-fact.ts': [
    'facts.ts (types)',
    'line.ts',
    'describe-memory.ts',
    'describe-router.ts',
    'exit-status.ts',
    'duration.ts',
    'plan/redact.ts',
    'plan/words.ts',
  ],
  'describe-memory.ts': ['facts.ts (types)', 'line.ts', 'duration.ts'],
  'describe-router.ts': ['facts.ts (types)', 'line.ts', 'duration.ts'],
  'pretty.ts': [],
  'log.ts': ['facts.ts (types)', 'describe-fact.ts', 'pretty.ts', 'plan/redact.ts', 'pino'],
  'plan/': ['errors.ts', 'duration.ts', 'cli.ts (types)'],
  'supervisor/': [...OF_A_ROOM, 'errors.ts'],
  'memory/': [...OF_A_ROOM, 'errors.ts'],
  'release/': [...OF_A_ROOM, 'errors.ts'],
  'router/': [...OF_A_ROOM, 'errors.ts', 'node:http', 'node:net', 'node:stream'],
  'host/': ['node:', 'exit-status.ts', 'errors.ts', 'plan/ (types)', 'execa', 'dotenv', 'tree-kill'],
  // In a browser: of the simulator it knows only the shape of what it is told and says.
  'simulator/stand-ins/': ['node:', 'ws'],
  'simulator/page/': ['simulator/view.ts (types)', 'simulator/action.ts (types)', 'uplot'],
  'simulator/': ['node:', 'host/', 'exit-status.ts', 'errors.ts', 'ws'],
};

/** Words that only some places may use. */
const RESERVED: readonly (readonly [word: RegExp, places: readonly string[]])[] = [
  [/'node:(child_process|fs|fs\/promises)'/, ['host/', 'bin/', 'simulator/', 'simulator/stand-ins/']],
  [/\bprocess\.env\b/, ['host/', 'bin/', 'simulator/', 'simulator/stand-ins/']],
  [/\bprocess\.(on|once|addListener|prependListener)\b/, ['host/', 'bin/', 'simulator/', 'simulator/stand-ins/']],
  [/\bprocess\.exitCode\b/, ['bin/', 'simulator/', 'simulator/stand-ins/']],
  [/\bprocess\.exit\b/, ['bin/', 'simulator/stand-ins/']],
  [/\bprocess\.(abort|reallyExit)\b/, []],
  [/\bprocess\.\w/, ['host/', 'bin/', 'simulator/', 'simulator/stand-ins/']],
  [/\bconsole\.\w/, []],
  [
    /(?<!\.)\bset(Timeout|Interval)\b|\b(Date|performance)\.now\b|\bMath\.random\b/,
    ['host/', 'simulator/', 'simulator/stand-ins/', 'simulator/page/', 'log.ts'],
  ],
  [/\b(import|require)\s*\((?!\s*')/, []],
];

const RULES = {
  'every file has a place in the house': (house: House) =>
    [...house.keys()].filter((file) => MAY_IMPORT[room(file)] === undefined),
  'who imports whom': (house: House) =>
    importsOf(house)
      .filter((one) => !isAllowed(one))
      .map(({ from, what, types }) => `${from}: ${what}${types ? ' (types)' : ''}`),
  'nothing imports in a circle, types included': (house: House) => {
    const next = new Map<string, string[]>();
    for (const { from, what } of importsOf(house)) next.set(from, [...(next.get(from) ?? []), what]);
    return [...house.keys()].flatMap((file) => circleFrom(file, next));
  },
  'words that only some places may use': (house: House) =>
    RESERVED.flatMap(([word, places]) =>
      [...house]
        .filter(([file, source]) => !places.includes(room(file)) && word.test(source))
        .map(([file, source]) => `${file}: ${word.exec(source)?.[0] ?? ''}`),
    ),
  'process.exitCode is set in one place': (house: House) => {
    const places = [...house].filter(([file, source]) => room(file) === 'bin/' && /\bprocess\.exitCode =/.test(source));
    return places.length === 0 ? ['nowhere'] : places.slice(1).map(([file]) => file);
  },
  'each import names its file: no index, no barrel': (house: House) =>
    [...house]
      .filter(
        ([file, source]) => /\bindex\.[cm]?[jt]s$/.test(file) || /^export\s+(type\s+)?[*{][^;]*from\s/m.test(source),
      )
      .map(([file]) => file),
  'rooms and files are named by words of the domain': (house: House) =>
    [...house.keys()].filter((file) =>
      /\b(utils?|core|services?|helpers?|managers?|handlers?|common|misc)\b/.test(file),
    ),
} as const;

const HOUSE: House = new Map(
  ['src', 'bin']
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .map((file) => [file, withoutComments(readFileSync(file, 'utf8'))]),
);

describe('the house', () => {
  test('was found, and its imports were read', () => {
    const imports = importsOf(HOUSE);
    expect([...HOUSE.keys()]).toEqual(expect.arrayContaining(['bin/mstdn-supervise.js', 'src/main.ts']));
    expect(imports).toContainEqual({ from: 'src/main.ts', what: 'src/plan/describe.ts', types: false });
    expect(imports).toContainEqual({ from: 'src/plan/plan.ts', what: 'src/cli.ts', types: true });
    expect(imports).toContainEqual({ from: 'src/cli.ts', what: 'src/errors.ts', types: false });
    expect(imports.filter(({ from, what }) => room(from) === 'bin/' && what.startsWith('../dist/'))).toHaveLength(1);
  });

  test.each(Object.entries(RULES))('%s', (_, broken) => {
    expect(broken(HOUSE)).toEqual([]);
  });
});

describe('each rule bites', () => {
  test.each<[keyof typeof RULES, string, string, string]>([
    ['every file has a place in the house', 'src/other.ts', '', 'src/other.ts'],
    ['every file has a place in the house', 'src/shop/a.ts', '', 'src/shop/a.ts'],
    ['who imports whom', 'src/plan/a.ts', `import { join } from 'node:path';`, 'src/plan/a.ts: node:path'],
    ['who imports whom', 'src/plan/a.ts', `import pino from 'pino';`, 'src/plan/a.ts: pino'],
    ['who imports whom', 'src/plan/a.ts', `import { USAGE } from '../cli.ts';`, 'src/plan/a.ts: src/cli.ts'],
    ['who imports whom', 'src/plan/a.ts', `import { a, type Role } from '../cli.ts';`, 'src/plan/a.ts: src/cli.ts'],
    ['who imports whom', 'src/plan/a.ts', `import type { Log } from '../log.ts';`, 'src/plan/a.ts: src/log.ts (types)'],
    ['who imports whom', 'src/plan/a.ts', `import '../host/clock.ts';`, 'src/plan/a.ts: src/host/clock.ts'],
    ['who imports whom', 'src/plan/a.ts', `void import('../host/clock.ts');`, 'src/plan/a.ts: src/host/clock.ts'],
    [
      'who imports whom',
      'src/supervisor/a.ts',
      `import {\n  redact,\n} from '../plan/redact.ts';`,
      'src/supervisor/a.ts: src/plan/redact.ts',
    ],
    [
      'who imports whom',
      'src/supervisor/a.ts',
      `import type { A } from '../host/child.ts';`,
      'src/supervisor/a.ts: src/host/child.ts (types)',
    ],
    [
      'who imports whom',
      'src/supervisor/a.ts',
      `import { release } from '../release/release.ts';`,
      'src/supervisor/a.ts: src/release/release.ts',
    ],
    [
      'who imports whom',
      'src/release/a.ts',
      `import type { State } from '../supervisor/state.ts';`,
      'src/release/a.ts: src/supervisor/state.ts (types)',
    ],
    ['who imports whom', 'src/release/a.ts', `import { execa } from 'execa';`, 'src/release/a.ts: execa'],
    [
      'who imports whom',
      'src/host/a.ts',
      `import { redact } from '../plan/redact.ts';`,
      'src/host/a.ts: src/plan/redact.ts',
    ],
    ['who imports whom', 'src/host/a.ts', `import { main } from '../main.ts';`, 'src/host/a.ts: src/main.ts'],
    [
      'who imports whom',
      'src/simulator/a.ts',
      `import type { Plan } from '../plan/spec.ts';`,
      'src/simulator/a.ts: src/plan/spec.ts (types)',
    ],
    ['who imports whom', 'src/simulator/a.ts', `import { main } from '../main.ts';`, 'src/simulator/a.ts: src/main.ts'],
    ['who imports whom', 'src/simulator/page/a.ts', `import 'node:fs';`, 'src/simulator/page/a.ts: node:fs'],
    [
      'who imports whom',
      'src/simulator/page/a.ts',
      `import { parseAction } from '../action.ts';`,
      'src/simulator/page/a.ts: src/simulator/action.ts',
    ],
    [
      'who imports whom',
      'src/errors.ts',
      `import { EXIT } from './exit-status.ts';`,
      'src/errors.ts: src/exit-status.ts',
    ],
    ['who imports whom', 'bin/a.js', `import { main } from '../src/main.ts';`, 'bin/a.js: ../src/main.ts'],
    [
      'nothing imports in a circle, types included',
      'src/plan/spec.ts',
      `import type { Plan } from './describe.ts';`,
      'src/plan/spec.ts -> src/plan/describe.ts -> src/plan/spec.ts',
    ],
    [
      'nothing imports in a circle, types included',
      'src/errors.ts',
      `import './errors.ts';`,
      'src/errors.ts -> src/errors.ts',
    ],
    [
      'words that only some places may use',
      'src/main.ts',
      `import { spawn } from 'node:child_process';`,
      `src/main.ts: 'node:child_process'`,
    ],
    [
      'words that only some places may use',
      'src/log.ts',
      `await import('node:fs/promises');`,
      `src/log.ts: 'node:fs/promises'`,
    ],
    ['words that only some places may use', 'src/main.ts', 'main(process.env)', 'src/main.ts: process.env'],
    [
      'words that only some places may use',
      'src/run-dyno.ts',
      `process.on('SIGTERM', stop)`,
      'src/run-dyno.ts: process.on',
    ],
    ['words that only some places may use', 'src/main.ts', 'process.exitCode = 1', 'src/main.ts: process.exitCode'],
    ['words that only some places may use', 'src/host/a.ts', 'process.exit(1)', 'src/host/a.ts: process.exit'],
    ['words that only some places may use', 'bin/a.js', 'process.abort()', 'bin/a.js: process.abort'],
    ['words that only some places may use', 'src/pretty.ts', 'process.stdout.write(a)', 'src/pretty.ts: process.s'],
    [
      'words that only some places may use',
      'src/supervisor/a.ts',
      'setTimeout(a, 1)',
      'src/supervisor/a.ts: setTimeout',
    ],
    ['words that only some places may use', 'src/plan/a.ts', 'Date.now()', 'src/plan/a.ts: Date.now'],
    ['words that only some places may use', 'src/host/a.ts', 'console.log(1)', 'src/host/a.ts: console.l'],
    ['words that only some places may use', 'src/host/a.ts', 'import(name)', 'src/host/a.ts: import('],
    ['process.exitCode is set in one place', 'bin/a.js', 'process.exitCode = 1', 'bin/a.js'],
    ['each import names its file: no index, no barrel', 'src/plan/index.ts', '', 'src/plan/index.ts'],
    ['each import names its file: no index, no barrel', 'src/plan/a.ts', `export * from './b.ts';`, 'src/plan/a.ts'],
    [
      'each import names its file: no index, no barrel',
      'src/plan/a.ts',
      `export { a } from './b.ts';`,
      'src/plan/a.ts',
    ],
    [
      'each import names its file: no index, no barrel',
      'src/plan/a.ts',
      `export type { A } from './b.ts';`,
      'src/plan/a.ts',
    ],
    ['rooms and files are named by words of the domain', 'src/plan/utils.ts', '', 'src/plan/utils.ts'],
    ['rooms and files are named by words of the domain', 'src/core/a.ts', '', 'src/core/a.ts'],
  ])('%s: %s with %j', (rule, file, source, broken) => {
    expect(RULES[rule](new Map([...HOUSE, [file, source]]))).toContain(broken);
  });

  test('comments and text do not count', () => {
    const source = `/** process.exit(1) */\n// import 'node:fs';\nexport const url = 'https://example.com'; // process.env\n`;
    expect(withoutComments(source)).toBe(`\n\nexport const url = 'https://example.com';\n`);
  });
});

/** `plan/` for src/plan/words.ts, `cli.ts` for src/cli.ts. */
function room(file: string): string {
  const inner = file.replace(/^src\//, '');
  const inSimulator = ['simulator/page/', 'simulator/stand-ins/'].find((one) => inner.startsWith(one));
  if (inSimulator !== undefined) return inSimulator;
  return inner.includes('/') ? inner.slice(0, inner.indexOf('/') + 1) : inner;
}

function isAllowed({ from, what, types }: Import): boolean {
  const allowed = MAY_IMPORT[room(from)] ?? [];
  if (allowed === 'everything') return true;
  const inner = what.replace(/^src\//, '');
  if (room(from).endsWith('/') && inner.startsWith(room(from))) return true;
  return allowed.some((rule) => {
    const [name = '', onlyTypes] = rule.split(' ');
    if (onlyTypes !== undefined && !types) return false;
    return /[/:]$/.test(name) ? inner.startsWith(name) : inner === name;
  });
}

/** The shortest way from a file back to it. */
function circleFrom(file: string, imports: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set<string>();
  for (let paths = [[file]]; paths.length > 0;) {
    const longer = paths.flatMap((path) => (imports.get(path.at(-1) ?? '') ?? []).map((what) => [...path, what]));
    const circle = longer.find((path) => path.at(-1) === file);
    if (circle !== undefined) return [circle.join(' -> ')];
    paths = longer.filter((path) => {
      const isNew = !seen.has(path.at(-1) ?? '');
      seen.add(path.at(-1) ?? '');
      return isNew;
    });
  }
  return [];
}

function importsOf(house: House): Import[] {
  return [...house].flatMap(([from, source]) => {
    const statements = source.matchAll(/^(?:import|export)\s+(?:([^;'"]*?)\s+from\s+)?'([^']+)'/gm);
    const calls = source.matchAll(/\b(?:import|require)\(\s*'([^']+)'\s*\)/g);
    return [
      ...[...statements].map(([, names = '', target = '']) => ({ target, types: isTypesOnly(names) })),
      ...[...calls].map(([, target = '']) => ({ target, types: false })),
    ].map(({ target, types }) => ({ from, what: resolved(from, target), types }));
  });
}

/** `type { A }`, or `{ type A, type B }`. */
function isTypesOnly(names: string): boolean {
  const listed = /^\{([^]*)\}$/.exec(names)?.[1]?.split(',') ?? [];
  const each = listed.map((name) => name.trim()).filter((name) => name !== '');
  return /^type\s/.test(names) || (each.length > 0 && each.every((name) => name.startsWith('type ')));
}

function resolved(file: string, target: string): string {
  return target.startsWith('.') && file.startsWith('src/') ? join(dirname(file), target) : target;
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[^]*?\*\//g, '').replace(/(^|[^\S\n])\/\/.*$/gm, '');
}
