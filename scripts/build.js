// Bundles src/ into dist/: one file for everything that a dyno always needs, and one for each module that is loaded on demand.
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

// Builds into a temporary folder and renames it at the end, so that no process ever runs half a build.
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
// CommonJS: without ES modules Node starts sooner and uses 0.4 MB less private memory.
const cjs = { ...common, format: 'cjs', supported: { 'dynamic-import': false } };
const dynamicImports = new Map();
const metafiles = [await bundle({ ...cjs, entryPoints: ['src/main.ts'], outfile: join(incoming, 'main.cjs') })];
// Minified: the source of pino alone takes half a megabyte of private memory. main.cjs is not, so that stack traces are readable.
for (const [name, entry] of dynamicImports)
  metafiles.push(await bundle({ ...cjs, minify: true, entryPoints: [entry], outfile: join(incoming, name) }));
// The stand-ins use top-level await, which requires ES modules. They bundle ws, a CommonJS package that calls require.
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
// The page of the simulator, for browsers.
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
// The public API of the package is a part of the exports of main.cjs.
const publicExports = ['supervise', 'ConfigError', 'UsageError'];
writeFileSync(
  join(incoming, 'api.cjs'),
  publicExports.map((name) => `exports.${name} = require('./main.cjs').${name};\n`).join(''),
);
writeFileSync(join(incoming, 'LICENSES.txt'), licences(metafiles));
copyFileSync('src/api.d.ts', join(incoming, 'api.d.ts'));
chmodSync(incoming, 0o755);
// Both renames at once: npm 9 runs `prepare` even with --ignore-scripts, while tests use dist/.
if (existsSync('dist')) renameSync('dist', outgoing);
renameSync(incoming, 'dist');

async function bundle(options) {
  const plugins = [splitDynamicImports(), stubModules(/^(sonic-boom|worker_threads|.*\/transport)$/)];
  return (await build({ ...options, plugins })).metafile;
}

/** Puts every module that is loaded by import() into its own file. */
function splitDynamicImports() {
  return {
    name: 'split-dynamic-imports',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /.*/ }, async ({ path, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined;
        const resolved = await resolve(path, { kind: 'import-statement', resolveDir });
        const name = `${basename(path, '.ts')}.cjs`;
        dynamicImports.set(name, resolved.path);
        return { path: `./${name}`, external: true };
      });
    },
  };
}

/** Replaces the transports of pino: the log does not use them, and they would load worker_threads and more into every dyno. */
function stubModules(filter) {
  return {
    name: 'stub-modules',
    setup({ onResolve, onLoad }) {
      onResolve({ filter }, ({ path }) => ({ path, namespace: 'stubs' }));
      onLoad({ filter: /.*/, namespace: 'stubs' }, () => ({
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
