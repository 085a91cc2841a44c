import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import scalar from '@scalar/fastify-api-reference';
import { build, type Metafile } from 'esbuild';
import { fastify } from 'fastify';

const ROOT = join(import.meta.dirname, '..');

/** Writes the files of the pages that need scripts into a folder. Returns GraphiQL's metafile. */
export async function buildPages(folder: string): Promise<Metafile> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'scalar.js'), await readScalar());
  return buildGraphiql(folder);
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
