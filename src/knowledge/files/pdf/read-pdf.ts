import { fileFault, isFileFault, passwordFault } from '../file-fault.ts';
import { joinLines } from '../join-lines.ts';
import type { TextBuilder } from '../text-builder.ts';
import { openPdf, type PdfDocument, type PdfPage } from './pdfjs.ts';

const MAX_PAGES = 2_000;
/** The least distance of two lines of different paragraphs, in heights of a line. */
const PARAGRAPH_GAP = 1.8;

/** A run of characters on a page, in the order of reading. */
type Item = { str: string; hasEOL: boolean; height: number; transform: number[] };

/** Returns the paragraphs that the images of a page show. */
export type RecognizePage = (page: PdfPage) => Promise<string[]>;

/**
 * Reads a PDF file, page by page. The images of a page without text are given to `recognize`.
 * Returns the number of pages without text.
 */
export async function readPdf(
  bytes: Buffer,
  builder: TextBuilder,
  recognize: RecognizePage = async () => [],
): Promise<number> {
  const pdf = await open(bytes);
  try {
    return await readPages(pdf, builder, recognize);
  } finally {
    await pdf.loadingTask.destroy(); // the process reads other files
  }
}

async function readPages(
  pdf: PdfDocument,
  builder: TextBuilder,
  recognize: RecognizePage,
): Promise<number> {
  let empty = 0;
  for (let number = 1; number <= pageCount(pdf); number += 1) {
    builder.addPage();
    const paragraphs = await onPage(pdf, number, (page) => paragraphsOf(page, recognize));
    if (paragraphs.length === 0) empty += 1;
    for (const paragraph of paragraphs) builder.add(paragraph);
  }
  return empty;
}

/**
 * Looks at the pages without text after the page of a number, and returns the first result that is
 * not undefined.
 */
export async function findPage<T>(
  bytes: Buffer,
  after: number,
  look: (page: PdfPage) => Promise<T | undefined>,
): Promise<T | undefined> {
  const pdf = await open(bytes);
  try {
    for (let number = after + 1; number <= pageCount(pdf); number += 1) {
      const found = await onPage(pdf, number, async (page) =>
        (await writtenOn(page)).length > 0 ? undefined : look(page),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    await pdf.loadingTask.destroy(); // the process reads other files
  }
}

function pageCount({ numPages }: PdfDocument): number {
  if (numPages <= MAX_PAGES) return numPages;
  throw fileFault('too_large', `the PDF has ${numPages} pages, and the maximum is ${MAX_PAGES}`);
}

async function open(bytes: Buffer): Promise<PdfDocument> {
  try {
    return await openPdf(new Uint8Array(bytes));
  } catch (error) {
    throw (error as Error).name === 'PasswordException' ? passwordFault() : damaged(error);
  }
}

/** Does something with a page. Throws `unreadable`, unless it throws another fault. */
async function onPage<T>(
  pdf: PdfDocument,
  number: number,
  work: (page: PdfPage) => Promise<T>,
): Promise<T> {
  let page: PdfPage | undefined;
  try {
    page = await pdf.getPage(number);
    return await work(page);
  } catch (error) {
    throw isFileFault(error) ? error : damaged(error, ` on page ${number}`);
  } finally {
    page?.cleanup();
  }
}

/** Returns the paragraphs of a page: its text, or that of its images if it has none. */
async function paragraphsOf(page: PdfPage, recognize: RecognizePage): Promise<string[]> {
  const written = await writtenOn(page);
  return written.length > 0 ? written : withText(await recognize(page));
}

/** Returns the paragraphs of the text of a page. */
async function writtenOn(page: PdfPage): Promise<string[]> {
  const { items } = await page.getTextContent();
  return withText(divideItems(items.filter((item) => 'str' in item) as Item[]));
}

const withText = (paragraphs: readonly string[]) => paragraphs.filter((one) => one.trim() !== '');

const damaged = (cause: unknown, where = '') =>
  fileFault('unreadable', `the PDF is damaged${where}: ${(cause as Error).message}`, cause);

/** Divides the lines of a page into paragraphs, by the gaps between them. */
function divideItems(items: readonly Item[]): string[] {
  const paragraphs: string[] = [];
  let lines: string[] = [];
  let line = '';
  let last: { y: number; height: number } | undefined;
  const endLine = () => {
    lines.push(line);
    line = '';
  };
  for (const { str, hasEOL, height, transform } of items) {
    const y = transform[5] ?? 0;
    if (line === '' && last && str.trim() !== '') {
      if (Math.abs(last.y - y) > PARAGRAPH_GAP * Math.max(last.height, height)) {
        paragraphs.push(joinLines(lines));
        lines = [];
      }
    }
    line += str;
    if (str.trim() !== '' && height > 0) last = { y, height };
    if (hasEOL) endLine();
  }
  endLine();
  return [...paragraphs, joinLines(lines)];
}
