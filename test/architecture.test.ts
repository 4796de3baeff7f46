import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Path and text without comments. */
type Sources = ReadonlyMap<string, string>;
/** types: nothing of it is left at run time. */
type Import = { from: string; what: string; types: boolean };

/** What each component may import: types of the plan and of the machine around it, and small shared modules. */
const SHARED = [
  'plan/ (types)',
  'config/ (types)',
  'host.ts (types)',
  'commands.ts (types)',
  'log/events.ts (types)',
  'exit-status.ts',
  'units.ts',
];

/** Which file or folder may import what, beside its own folder. `node:` is any of Node's modules, packages are named. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'everything'>> = {
  'bin/': ['node:', '../dist/'],
  'main.ts': 'everything',
  'run.ts': 'everything',
  'serve.ts': 'everything',
  'cli.ts': ['exit-status.ts'],
  'api.d.ts': [],
  'exit-status.ts': ['node:os'],
  'units.ts': [],
  'host.ts': ['exit-status.ts (types)', 'plan/ (types)'],
  'commands.ts': ['host.ts (types)', 'plan/ (types)'],
  'config/': [],
  'plan/': ['exit-status.ts', 'units.ts', 'cli.ts (types)', 'config/'],
  'log/': ['exit-status.ts', 'units.ts', 'plan/ (types)', 'config/', 'pino'],
  'supervisor/': SHARED,
  'memory/': SHARED,
  'release/': SHARED,
  'router/': [...SHARED, 'node:http', 'node:net', 'node:stream'],
  'process/': ['node:', ...SHARED, 'linux/', 'output/', 'execa', 'dotenv', 'tree-kill'],
  'output/': ['node:', 'host.ts (types)', 'linux/', 'process/find-command.ts'],
  'linux/': ['node:', 'exit-status.ts', 'host.ts (types)', 'plan/ (types)'],
  'simulator/stand-ins/': ['node:', 'ws'],
  // In a browser: of the simulator it knows only the shape of what is sent.
  'simulator/web/page/': ['simulator/simulation.ts (types)', 'simulator/action.ts (types)', 'uplot'],
  'simulator/': ['node:', 'process/', 'output/', 'linux/', 'host.ts (types)', 'exit-status.ts', 'ws'],
};

const EFFECTS = ['process/', 'output/', 'linux/'];
const SIMULATOR = ['simulator/', 'simulator/stand-ins/'];

/** What only some folders may use. */
const RESERVED: readonly (readonly [word: RegExp, folders: readonly string[]])[] = [
  [/'node:(child_process|fs|fs\/promises)'/, [...EFFECTS, 'bin/', ...SIMULATOR]],
  [/\bprocess\.env\b/, [...EFFECTS, 'bin/', ...SIMULATOR]],
  [/\bprocess\.(on|once|addListener|prependListener)\b/, [...EFFECTS, 'bin/', ...SIMULATOR]],
  [/\bprocess\.exitCode\b/, ['bin/', ...SIMULATOR]],
  [/\bprocess\.exit\b/, ['bin/', 'simulator/stand-ins/']],
  [/\bprocess\.(abort|reallyExit)\b/, []],
  [
    /(?<![.\w{] ?)\bprocess\.(?!(pid|exited|ready|signal|state|readinessUnknown|onTimeout|startedAtMs|status|killedByUs|readiness)\b)\w/,
    [...EFFECTS, 'bin/', ...SIMULATOR],
  ],
  [/\bconsole\.\w/, []],
  [
    /(?<!\.)\bset(Timeout|Interval)\b|\b(Date|performance)\.now\b|\bMath\.random\b/,
    [...EFFECTS, ...SIMULATOR, 'simulator/web/page/', 'log/'],
  ],
  [/\b(import|require)\s*\((?!\s*')/, []],
];

const RULES = {
  'every file has a place in the table': (sources: Sources) =>
    [...sources.keys()].filter((file) => MAY_IMPORT[folderOf(file)] === undefined),
  'who imports whom': (sources: Sources) =>
    importsOf(sources)
      .filter((one) => !isAllowed(one))
      .map(({ from, what, types }) => `${from}: ${what}${types ? ' (types)' : ''}`),
  'nothing imports in a circle, types included': (sources: Sources) => {
    const next = new Map<string, string[]>();
    for (const { from, what } of importsOf(sources)) next.set(from, [...(next.get(from) ?? []), what]);
    return [...sources.keys()].flatMap((file) => circleFrom(file, next));
  },
  'what only some folders may use': (sources: Sources) =>
    RESERVED.flatMap(([word, places]) =>
      [...sources]
        .filter(([file, source]) => !places.includes(folderOf(file)) && word.test(source))
        .map(([file, source]) => `${file}: ${word.exec(source)?.[0] ?? ''}`),
    ),
  'process.exitCode is set in one place': (sources: Sources) => {
    const places = [...sources].filter(
      ([file, source]) => folderOf(file) === 'bin/' && /\bprocess\.exitCode =/.test(source),
    );
    return places.length === 0 ? ['nowhere'] : places.slice(1).map(([file]) => file);
  },
  'each import names its file: no index, no barrel': (sources: Sources) =>
    [...sources]
      .filter(
        ([file, source]) => /\bindex\.[cm]?[jt]s$/.test(file) || /^export\s+(type\s+)?[*{][^;]*from\s/m.test(source),
      )
      .map(([file]) => file),
  'folders and files are named by words of the domain': (sources: Sources) =>
    [...sources.keys()].filter((file) =>
      /(^|\/)(utils?|core|services?|helpers?|managers?|handlers?|common|misc)(\.|\/)/.test(file),
    ),
} as const;

const SOURCES: Sources = new Map(
  ['src', 'bin']
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .map((file) => [file, withoutComments(readFileSync(file, 'utf8'))]),
);

describe('the sources', () => {
  test('was found, and its imports were read', () => {
    const imports = importsOf(SOURCES);
    expect([...SOURCES.keys()]).toEqual(expect.arrayContaining(['bin/mstdn-supervise.js', 'src/main.ts']));
    expect(imports).toContainEqual({ from: 'src/main.ts', what: 'src/plan/describe.ts', types: false });
    expect(imports).toContainEqual({ from: 'src/plan/plan.ts', what: 'src/cli.ts', types: true });
    expect(imports).toContainEqual({ from: 'src/cli.ts', what: 'src/exit-status.ts', types: false });
    expect(imports.filter(({ from, what }) => folderOf(from) === 'bin/' && what.startsWith('../dist/'))).toHaveLength(
      1,
    );
  });

  test.each(Object.entries(RULES))('%s', (_, broken) => {
    expect(broken(SOURCES)).toEqual([]);
  });
});

describe('each rule finds what breaks it', () => {
  test.each<[keyof typeof RULES, string, string, string]>([
    ['every file has a place in the table', 'src/other.ts', '', 'src/other.ts'],
    ['every file has a place in the table', 'src/shop/a.ts', '', 'src/shop/a.ts'],
    ['who imports whom', 'src/plan/a.ts', `import { join } from 'node:path';`, 'src/plan/a.ts: node:path'],
    ['who imports whom', 'src/plan/a.ts', `import pino from 'pino';`, 'src/plan/a.ts: pino'],
    ['who imports whom', 'src/plan/a.ts', `import { USAGE } from '../cli.ts';`, 'src/plan/a.ts: src/cli.ts'],
    ['who imports whom', 'src/plan/a.ts', `import { a, type Role } from '../cli.ts';`, 'src/plan/a.ts: src/cli.ts'],
    [
      'who imports whom',
      'src/plan/a.ts',
      `import type { Log } from '../log/events.ts';`,
      'src/plan/a.ts: src/log/events.ts (types)',
    ],
    ['who imports whom', 'src/plan/a.ts', `import '../process/spawn.ts';`, 'src/plan/a.ts: src/process/spawn.ts'],
    ['who imports whom', 'src/plan/a.ts', `void import('../process/spawn.ts');`, 'src/plan/a.ts: src/process/spawn.ts'],
    [
      'who imports whom',
      'src/supervisor/a.ts',
      `import {\n  redact,\n} from '../config/shell-words.ts';`,
      'src/supervisor/a.ts: src/config/shell-words.ts',
    ],
    [
      'who imports whom',
      'src/supervisor/a.ts',
      `import type { A } from '../process/spawn.ts';`,
      'src/supervisor/a.ts: src/process/spawn.ts (types)',
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
      'src/process/a.ts',
      `import { redact } from '../config/shell-words.ts';`,
      'src/process/a.ts: src/config/shell-words.ts',
    ],
    ['who imports whom', 'src/process/a.ts', `import { main } from '../main.ts';`, 'src/process/a.ts: src/main.ts'],
    [
      'who imports whom',
      'src/simulator/a.ts',
      `import type { Plan } from '../plan/spec.ts';`,
      'src/simulator/a.ts: src/plan/spec.ts (types)',
    ],
    ['who imports whom', 'src/simulator/a.ts', `import { main } from '../main.ts';`, 'src/simulator/a.ts: src/main.ts'],
    ['who imports whom', 'src/simulator/web/page/a.ts', `import 'node:fs';`, 'src/simulator/web/page/a.ts: node:fs'],
    [
      'who imports whom',
      'src/simulator/web/page/a.ts',
      `import { parseAction } from '../../action.ts';`,
      'src/simulator/web/page/a.ts: src/simulator/action.ts',
    ],
    [
      'who imports whom',
      'src/units.ts',
      `import { EXIT } from './exit-status.ts';`,
      'src/units.ts: src/exit-status.ts',
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
      'src/units.ts',
      `import './units.ts';`,
      'src/units.ts -> src/units.ts',
    ],
    [
      'what only some folders may use',
      'src/main.ts',
      `import { spawn } from 'node:child_process';`,
      `src/main.ts: 'node:child_process'`,
    ],
    [
      'what only some folders may use',
      'src/release/a.ts',
      `await import('node:fs/promises');`,
      `src/release/a.ts: 'node:fs/promises'`,
    ],
    ['what only some folders may use', 'src/main.ts', 'main(process.env)', 'src/main.ts: process.env'],
    ['what only some folders may use', 'src/run.ts', `process.on('SIGTERM', stop)`, 'src/run.ts: process.on'],
    ['what only some folders may use', 'src/main.ts', 'process.exitCode = 1', 'src/main.ts: process.exitCode'],
    ['what only some folders may use', 'src/process/a.ts', 'process.exit(1)', 'src/process/a.ts: process.exit'],
    ['what only some folders may use', 'bin/a.js', 'process.abort()', 'bin/a.js: process.abort'],
    ['what only some folders may use', 'src/units.ts', 'process.stdout.write(a)', 'src/units.ts: process.s'],
    ['what only some folders may use', 'src/supervisor/a.ts', 'setTimeout(a, 1)', 'src/supervisor/a.ts: setTimeout'],
    ['what only some folders may use', 'src/plan/a.ts', 'Date.now()', 'src/plan/a.ts: Date.now'],
    ['what only some folders may use', 'src/process/a.ts', 'console.log(1)', 'src/process/a.ts: console.l'],
    ['what only some folders may use', 'src/process/a.ts', 'import(name)', 'src/process/a.ts: import('],
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
    ['folders and files are named by words of the domain', 'src/plan/utils.ts', '', 'src/plan/utils.ts'],
    ['folders and files are named by words of the domain', 'src/core/a.ts', '', 'src/core/a.ts'],
  ])('%s: %s with %j', (rule, file, source, broken) => {
    expect(RULES[rule](new Map([...SOURCES, [file, source]]))).toContain(broken);
  });

  test('comments and text do not count', () => {
    const source = `/** process.exit(1) */\n// import 'node:fs';\nexport const url = 'https://example.com'; // process.env\n`;
    expect(withoutComments(source)).toBe(`\n\nexport const url = 'https://example.com';\n`);
  });
});

/** `plan/` for src/plan/plan.ts, `cli.ts` for src/cli.ts. */
function folderOf(file: string): string {
  const inner = file.replace(/^src\//, '');
  const inSimulator = ['simulator/web/page/', 'simulator/stand-ins/'].find((one) => inner.startsWith(one));
  if (inSimulator !== undefined) return inSimulator;
  return inner.includes('/') ? inner.slice(0, inner.indexOf('/') + 1) : inner;
}

function isAllowed({ from, what, types }: Import): boolean {
  const allowed = MAY_IMPORT[folderOf(from)] ?? [];
  if (allowed === 'everything') return true;
  const inner = what.replace(/^src\//, '');
  if (folderOf(from).endsWith('/') && inner.startsWith(folderOf(from))) return true;
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

function importsOf(sources: Sources): Import[] {
  return [...sources].flatMap(([from, source]) => {
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
