import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import scalar from '@scalar/fastify-api-reference';
import { build, type Metafile } from 'esbuild';
import { fastify } from 'fastify';

const ROOT = join(import.meta.dirname, '..');

/** Writes the files of the pages that need scripts into a folder. Returns the metafiles. */
export async function buildPages(folder: string): Promise<Metafile[]> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'scalar.js'), await readScalar());
  return [await buildGraphiql(folder), await buildConsole(join(folder, 'console'))];
}

/**
 * Builds the console. The names of its files contain their digests, so browsers keep them for ever;
 * `entry.json` names the files that the page loads. Returns the metafile.
 */
export async function buildConsole(outdir: string, { write = true } = {}): Promise<Metafile> {
  if (write) rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { main: 'src/console/main.tsx' },
    outdir,
    write,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    jsx: 'automatic',
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    legalComments: 'none', // THIRD_PARTY_NOTICES.txt has the licences
    define: { 'process.env.NODE_ENV': '"production"' },
    tsconfig: 'src/console/tsconfig.json',
  });
  if (write) writeFileSync(join(outdir, 'entry.json'), JSON.stringify(entryOf(metafile)));
  return metafile;
}

/** Returns the names of the script and the style sheet that the page of the console loads. */
function entryOf({ outputs }: Metafile): { script: string; style: string } {
  const [script, output] =
    Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === 'src/console/main.tsx') ??
    [];
  if (!script || !output?.cssBundle) throw new Error('the console has no script or no style sheet');
  return { script: basename(script), style: basename(output.cssBundle) };
}

/** Builds the script and the style sheet of `/graphiql`. Returns the metafile. */
export async function buildGraphiql(outdir: string, { write = true } = {}): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { graphiql: 'packaging/graphiql/page.js' },
    outdir,
    write,
    bundle: true,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none', // THIRD_PARTY_NOTICES.txt has the licences
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return metafile;
}

/** Returns the script of Scalar. The package contains it, but serves it only as a route. */
async function readScalar(): Promise<string> {
  const app = fastify();
  await app.register(scalar, { routePrefix: '/', configuration: { url: '/openapi.json' } });
  const { statusCode, body } = await app.inject('/js/scalar.js');
  await app.close();
  if (statusCode !== 200) throw new Error(`Scalar has no script at /js/scalar.js: ${statusCode}`);
  return body;
}

// `npm run build:pages`, which `npm install` runs in a checkout
if (import.meta.main) await buildPages(join(ROOT, 'dist/pages'));
