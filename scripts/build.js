// Bundles src/ into dist/: the path that a dyno takes at work is one file, everything else is loaded when it is needed.
// Also copies the type declarations and collects the licences of the bundled packages.
import { build } from 'esbuild';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

// Built beside its place and moved there when it is complete: no process ever runs half a build.
const incoming = mkdtempSync('dist-');
const outgoing = `${incoming}-old`;
process.once('exit', () => {
  for (const folder of [incoming, outgoing]) rmSync(folder, { recursive: true, force: true });
});
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  define: { __VERSION__: JSON.stringify(JSON.parse(readFileSync('package.json', 'utf8')).version) },
};
// CommonJS, because a node that never loads an ES module starts sooner and keeps 0.4 MB of private memory less.
const cjs = { ...common, format: 'cjs', supported: { 'dynamic-import': false } };
const lazy = new Map();
const metafiles = [await bundle({ ...cjs, entryPoints: ['src/main.ts'], outfile: join(incoming, 'main.cjs') })];
// Minified: the text of pino alone is half a megabyte of private memory. Our own path at work stays readable in a stack.
for (const [name, entry] of lazy)
  metafiles.push(await bundle({ ...cjs, minify: true, entryPoints: [entry], outfile: join(incoming, name) }));
// The stand-ins wait at their top level, which only an ES module can; ws in them is CommonJS and asks for require.
const require = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;
metafiles.push(
  await bundle({
    ...common,
    format: 'esm',
    banner: { js: require },
    entryPoints: standIns(),
    outdir: join(incoming, 'simulator/stand-ins'),
  }),
);
// For browsers: the page that watches a simulation.
metafiles.push(
  await bundle({
    ...common,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
    entryPoints: ['src/simulator/web/page/page.ts', 'src/simulator/web/page/page.css'],
    outdir: join(incoming, 'simulator/page'),
  }),
);
for (const file of ['page.html', 'icon.svg'])
  copyFileSync(join('src/simulator/web/page', file), join(incoming, 'simulator/page', file));
// What the package exports: not the whole of main.
const exported = ['supervise', 'ConfigError', 'UsageError'];
writeFileSync(
  join(incoming, 'api.cjs'),
  exported.map((name) => `exports.${name} = require('./main.cjs').${name};\n`).join(''),
);
writeFileSync(join(incoming, 'LICENSES.txt'), licences(metafiles));
copyFileSync('src/api.d.ts', join(incoming, 'api.d.ts'));
chmodSync(incoming, 0o755);
if (existsSync('dist')) renameSync('dist', outgoing); // at once: npm 9 runs `prepare` even with --ignore-scripts, beside tests
renameSync(incoming, 'dist');

async function bundle(options) {
  const plugins = [lazily(), leaveOut(/^(sonic-boom|worker_threads|.*\/transport)$/)];
  return (await build({ ...options, plugins })).metafile;
}

/** Every dynamic import() becomes a file of its own, so that the path a dyno takes at work is one file. */
function lazily() {
  return {
    name: 'lazily',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /.*/ }, async ({ path, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined;
        const found = await resolve(path, { kind: 'import-statement', resolveDir });
        const name = `${basename(path, '.ts')}.cjs`;
        lazy.set(name, found.path);
        return { path: `./${name}`, external: true };
      });
    },
  };
}

/** pino's own ways to write: we hand it ours, and they would load worker_threads and more into every dyno. */
function leaveOut(filter) {
  return {
    name: 'leave-out',
    setup({ onResolve, onLoad }) {
      onResolve({ filter }, ({ path }) => ({ path, namespace: 'left-out' }));
      onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
        contents: 'module.exports = class { static isMainThread = true; };',
      }));
    },
  };
}

function standIns() {
  return ['puma', 'sidekiq', 'streaming', 'rails'].map((name) => `src/simulator/stand-ins/${name}.ts`);
}

function licences(metas) {
  const packages = new Set(
    metas
      .flatMap(({ inputs }) => Object.keys(inputs))
      .map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
      .filter((name) => name !== undefined),
  );
  return [...packages]
    .sort()
    .map((name) => `${name}\n\n${licenceText(join('node_modules', name))}\n`)
    .join('\n----\n\n');
}

function licenceText(folder) {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  if (file) return readFileSync(join(folder, file), 'utf8').trim();
  return `Licence: ${JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).license}`;
}
