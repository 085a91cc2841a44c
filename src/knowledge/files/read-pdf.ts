import { fileFault, passwordFault } from './file-fault.ts';
import type { TextBuilder } from './text-builder.ts';

const MAX_PAGES = 2_000;
/** The least distance of two lines of different paragraphs, in heights of a line. */
const PARAGRAPH_GAP = 1.8;

/** A run of characters on a page, in the order of reading. */
type Item = { str: string; hasEOL: boolean; height: number; transform: number[] };
type Pdf = Awaited<ReturnType<typeof import('unpdf')['getDocumentProxy']>>;

/** Reads a PDF file, page by page. Images of text are not read. */
export async function readPdf(bytes: Buffer, builder: TextBuilder): Promise<void> {
  const pdf = await open(bytes);
  try {
    await readPages(pdf, builder);
  } finally {
    await pdf.loadingTask.destroy(); // the process reads other files
  }
}

async function readPages(pdf: Pdf, builder: TextBuilder): Promise<void> {
  const { numPages } = pdf;
  if (numPages > MAX_PAGES) {
    throw fileFault('too_large', `the PDF has ${numPages} pages, and the maximum is ${MAX_PAGES}`);
  }
  for (let number = 1; number <= numPages; number += 1) {
    builder.addPage();
    for (const paragraph of paragraphsOf(await itemsOf(pdf, number))) builder.add(paragraph);
  }
}

async function open(bytes: Buffer): Promise<Pdf> {
  const { getDocumentProxy } = await import('unpdf');
  try {
    const options = { isEvalSupported: false, disableFontFace: true, verbosity: 0 };
    return await getDocumentProxy(new Uint8Array(bytes), options);
  } catch (error) {
    throw (error as Error).name === 'PasswordException' ? passwordFault() : damaged(error);
  }
}

async function itemsOf(pdf: Pdf, number: number): Promise<Item[]> {
  try {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    page.cleanup();
    return items.filter((item) => 'str' in item) as Item[];
  } catch (error) {
    throw damaged(error, ` on page ${number}`);
  }
}

const damaged = (cause: unknown, where = '') =>
  fileFault('unreadable', `the PDF is damaged${where}: ${(cause as Error).message}`, cause);

/** Divides the lines of a page into paragraphs, by the gaps between them. */
function paragraphsOf(items: readonly Item[]): string[] {
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

/** Joins lines of a paragraph. A word that is hyphenated at the end of a line is joined too. */
function joinLines(lines: readonly string[]): string {
  const parts: string[] = [];
  for (const line of lines) {
    const before = parts.at(-1);
    const isFirst = before === undefined || (parts.length === 1 && before === '');
    if (isFirst) parts[0] = line;
    else if (/\p{Ll}[-\u00ad\u2010]$/u.test(before.trimEnd()) && /^\s*\p{Ll}/u.test(line)) {
      parts[parts.length - 1] = before.trimEnd().slice(0, -1);
      parts.push(line.trimStart());
    } else parts.push('\n', line);
  }
  return parts.join('');
}
