import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildPages } from './build-pages.ts';
import { bundleDependencies } from './bundle-dependencies.ts';
import { copyPdfJs, PDFJS } from './copy-pdfjs.ts';
import { noticesOf, packagesIn } from './notices.ts';
import { pruneDeclarations } from './prune-declarations.ts';

// Completes what tsc compiled: node packaging/main.ts [FOLDER], `npm run build`.

const [folder = 'dist'] = process.argv.slice(2);
const dist = resolve(folder);
pruneDeclarations(dist);
const bundles = [await bundleDependencies(dist), ...(await buildPages(join(dist, 'pages')))];
copyPdfJs(dist);
writeFileSync(join(dist, 'THIRD_PARTY_NOTICES.txt'), noticesOf(packagesIn(bundles, [PDFJS])));
