import '../src/api/graphql/environment.ts'; // exportsOf() imports grafast
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';
import { bundledImports, renameImports } from './bundled.ts';

const ROOT = join(import.meta.dirname, '..');

/**
 * Modules that Howdah never loads. Bundled packages import them only if they are installed, or for
 * features that Howdah does not use, such as other web frameworks.
 */
const OPTIONAL_MODULES = [
  '@envelop/core',
  '@whatwg-node/server',
  'h3',
  'hono',
  'pg-native',
  'ruru',
];

/** Defines the variables of CommonJS modules, which ES modules lack. */
const COMMON_JS = [
  "import { createRequire as createRequire_ } from 'node:module';",
  "import { dirname as dirname_ } from 'node:path';",
  "import { fileURLToPath as fileURLToPath_ } from 'node:url';",
  'const require = createRequire_(import.meta.url);',
  'const __filename = fileURLToPath_(import.meta.url);',
  'const __dirname = dirname_(__filename);',
].join('\n');

/**
 * Bundles the modules of `BUNDLED` that a compiled folder imports into `vendor` of that folder, and
 * rewrites the imports. Returns the metafile of the bundle.
 *
 * All modules share their chunks, so that there is one grafast. Packages of `dependencies` stay
 * outside, because a second `graphql` rejects schemas of the first one. Identifiers keep their
 * names, since grafast prints the names of classes.
 */
export async function bundleDependencies(dist: string): Promise<Metafile> {
  const vendor = join(dist, 'vendor');
  rmSync(vendor, { recursive: true, force: true });
  const files = filesOf(dist, /\.js$/);
  const modules = importedBy(files);
  const { metafile } = await build({ ...(await bundleOptions(modules)), outdir: vendor });
  for (const file of files) {
    const path = (module: string) => join(vendor, `${fileNameOf(module)}.js`);
    const text = readFileSync(file, 'utf8');
    const renamed = renameImports(text, (module) => relative(dirname(file), path(module)));
    if (renamed !== text) writeFileSync(file, renamed);
  }
  return metafile;
}

/** Bundles the imports of the sources without writing a file. Returns the metafile. */
export async function analyzeBundle(): Promise<Metafile> {
  const files = ['src', 'workers'].flatMap((folder) => filesOf(join(ROOT, folder), /\.ts$/));
  const options = await bundleOptions(importedBy(files));
  return (await build({ ...options, outdir: join(ROOT, 'dist/vendor'), write: false })).metafile;
}

function filesOf(folder: string, ending: RegExp): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importedBy(files: readonly string[]): string[] {
  const all = files.flatMap((file) => bundledImports(readFileSync(file, 'utf8')));
  return [...new Set(all)].sort();
}

function fileNameOf(module: string): string {
  return module.replaceAll(/\W+/g, '-').replace(/^-/, '');
}

async function bundleOptions(modules: readonly string[]) {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const external = [...Object.keys(dependencies), ...OPTIONAL_MODULES];
  return {
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(modules.map((name) => [fileNameOf(name), `entry:${name}`])),
    plugins: [entryPlugin(await exportsOf(modules))],
    bundle: true,
    splitting: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none', // THIRD_PARTY_NOTICES.txt has the licences
    external: external.flatMap((name) => [name, `${name}/*`]),
    banner: { js: COMMON_JS },
  } as const satisfies BuildOptions;
}

/** Returns the names that each module exports. An ES module cannot re-export CommonJS by `*`. */
async function exportsOf(modules: readonly string[]): Promise<Map<string, string[]>> {
  const reserved = ['true', 'false', 'null']; // pg-sql2 exports `true` and `false`
  const named = modules.map(async (module): Promise<[string, string[]]> => {
    const names = Object.keys(await import(module));
    return [module, names.filter((name) => /^[\w$]+$/.test(name) && !reserved.includes(name))];
  });
  return new Map(await Promise.all(named));
}

/** Provides the entry points: one generated module for each bundled module. */
function entryPlugin(exports: ReadonlyMap<string, readonly string[]>): Plugin {
  return {
    name: 'entries',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^entry:/ }, ({ path }) => ({
        path: path.replace('entry:', ''),
        namespace: 'entry',
      }));
      onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => {
        const lines = (exports.get(path) ?? []).map((name) =>
          name === 'default'
            ? 'export default all.default;'
            : `export const ${name} = all.${name};`,
        );
        const contents = [`import * as all from ${JSON.stringify(path)};`, ...lines].join('\n');
        return { contents, resolveDir: ROOT };
      });
    },
  };
}
