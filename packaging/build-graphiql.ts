import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Builds the script and the style sheet of `/graphiql`. Returns what is in them. */
export async function buildGraphiql(outdir: string, { write = true } = {}): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['packaging/graphiql/page.js'],
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

// `npm run build:graphiql`, which `npm install` runs in a checkout
if (import.meta.main) await buildGraphiql(join(ROOT, 'dist/graphiql'));
