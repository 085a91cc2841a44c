import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** The folder of PDF.js in a checkout. */
export const PDFJS = 'node_modules/pdfjs-dist';
/** What Howdah uses of PDF.js: the program, the maps of Asian characters, and the decoders. */
const FILES = [
  'legacy/build/pdf.min.mjs',
  'legacy/build/pdf.worker.min.mjs',
  'cmaps',
  'wasm/jbig2.wasm',
  'wasm/openjpeg.wasm',
];

/**
 * Copies PDF.js to `vendor` of a compiled folder, where src/knowledge/files/pdf/pdfjs.ts finds it.
 */
export function copyPdfJs(dist: string): void {
  const folder = join(dist, 'vendor/pdfjs-dist');
  rmSync(folder, { recursive: true, force: true });
  for (const file of FILES)
    cpSync(join(ROOT, PDFJS, file), join(folder, file), { recursive: true });
}
