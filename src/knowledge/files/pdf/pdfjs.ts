import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PACKAGE_ROOT } from '../../../package-root.ts';

type PdfJs = typeof import('pdfjs-dist');
type Pdf = Awaited<ReturnType<PdfJs['getDocument']>['promise']>;

/** A document that PDF.js has opened. */
export type PdfDocument = Pdf;
/** A page of a document. */
export type PdfPage = Awaited<ReturnType<Pdf['getPage']>>;

/**
 * The folder of PDF.js. The build copies the files that are used, since the whole package has 40
 * MB. They are loaded as they are: PDF.js finds its decoders by their paths.
 */
const FOLDER =
  extname(import.meta.url) === '.ts'
    ? dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'))
    : join(PACKAGE_ROOT, 'dist/vendor/pdfjs-dist');

let loading: Promise<PdfJs> | undefined;

/** Loads PDF.js, for the first file that needs it. */
export function loadPdfJs(): Promise<PdfJs> {
  loading ??= load();
  return loading;
}

/** Opens a PDF. The data are given away. Call `loadingTask.destroy()` of the result at the end. */
export async function openPdf(data: Uint8Array): Promise<PdfDocument> {
  const { getDocument } = await loadPdfJs();
  const folderOf = (name: string) => join(FOLDER, name, '/');
  return await getDocument({
    data,
    disableFontFace: true,
    useSystemFonts: true,
    verbosity: 0,
    cMapUrl: folderOf('cmaps'),
    wasmUrl: folderOf('wasm'),
  }).promise;
}

async function load(): Promise<PdfJs> {
  const urlOf = (name: string) => pathToFileURL(join(FOLDER, 'legacy/build', name)).href;
  // needed to load it, and used only to draw
  const names = globalThis as { DOMMatrix?: unknown; Path2D?: unknown };
  names.DOMMatrix ??= class {};
  names.Path2D ??= class {};
  const { warn } = console;
  console.warn = () => {}; // it warns that it cannot draw
  try {
    const pdfJs: PdfJs = await import(urlOf('pdf.min.mjs'));
    pdfJs.GlobalWorkerOptions.workerSrc = urlOf('pdf.worker.min.mjs');
    return pdfJs;
  } finally {
    console.warn = warn;
  }
}
