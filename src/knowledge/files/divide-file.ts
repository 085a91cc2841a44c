import { isImageDocument, isTextDocument } from '../../contracts/document-types.ts';
import type { BlockText } from '../block.ts';
import { divideBlocks, divideDocument, type Piece } from '../divide-document.ts';
import { fileFault, passwordFault } from './file-fault.ts';
import { readPdf } from './pdf/read-pdf.ts';
import { readDocx } from './read-docx.ts';
import { readMail } from './read-mail.ts';
import { readOpenDocument } from './read-opendocument.ts';
import { readPptx } from './read-pptx.ts';
import { readXlsx } from './read-xlsx.ts';
import { type Recognition, Recognizer } from './recognition/recognizer.ts';
import { type ImageReader, readTranscripts, type Transcripts } from './recognition/transcripts.ts';
import { TextBuilder } from './text-builder.ts';
import { Zip } from './zip.ts';

export type DocumentFile = {
  type: string;
  bytes: Uint8Array;
  maxCharacters: number;
  /** The program that recognizes the text of images. */
  recognition?: Recognition | undefined;
  /** The text of images that a model has recognized. Without either, images are not read. */
  transcripts?: Transcripts | undefined;
};

/** The text of a file, the pieces of it, and the number of its pages without text. */
export type DividedFile = { content: string; pieces: Piece[]; emptyPages: number };

const MAX_TEXT_BYTES = 1_000_000;

/**
 * Reads the text of a file, and divides it into pieces. Call it in a process of its own, with
 * limits of time and memory, since the author of the file decides about both. Throws the errors of
 * `fileFault`.
 */
export async function divideFile(file: DocumentFile): Promise<DividedFile> {
  const { type, maxCharacters } = file;
  const bytes = Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength);
  if (isTextDocument(type)) {
    const content = readTextFile(bytes);
    const pieces = divideDocument({ type, content, maxCharacters });
    return { content, pieces, emptyPages: 0 };
  }
  const recognizer = imageReaderOf(file);
  const { read, emptyPages } = await readFile(type, bytes, recognizer);
  const pieces = divideBlocks(read, read.text, maxCharacters);
  if (pieces.length === 0) throw withoutText(type, recognizer);
  return { content: read.text, pieces, emptyPages };
}

function imageReaderOf({ recognition, transcripts }: DocumentFile): ImageReader | undefined {
  if (transcripts) return readTranscripts(transcripts);
  return recognition && new Recognizer(recognition);
}

type ReadFile = { read: BlockText; emptyPages: number };

async function readFile(type: string, bytes: Buffer, recognizer?: ImageReader): Promise<ReadFile> {
  const builder = new TextBuilder();
  let emptyPages = 0;
  if (type === 'application/pdf') {
    emptyPages = await readPdf(bytes, builder, recognizer && ((page) => recognizer.readPage(page)));
  } else if (isImageDocument(type)) {
    builder.addPage();
    const paragraphs = await recognizer?.readImage(type, bytes);
    for (const paragraph of paragraphs ?? []) builder.add(paragraph);
  } else if (type === 'message/rfc822') await readMail(bytes, builder);
  else readArchive(type, bytes, builder);
  return { read: builder.read(), emptyPages };
}

function readArchive(type: string, bytes: Buffer, builder: TextBuilder): void {
  refuseOldOffice(bytes);
  const zip = new Zip(bytes);
  if (type.includes('.opendocument.')) readOpenDocument(zip, builder, type);
  else if (type.endsWith('.wordprocessingml.document')) readDocx(zip, builder);
  else if (type.endsWith('.presentationml.presentation')) readPptx(zip, builder);
  else readXlsx(zip, builder);
}

/** The first bytes of the format of Office before 2007, in which protected files are stored. */
const COMPOUND_FILE = 'd0cf11e0a1b11ae1';
const ENCRYPTED = Buffer.from('EncryptedPackage', 'utf16le');

function refuseOldOffice(bytes: Buffer): void {
  if (bytes.toString('hex', 0, 8) !== COMPOUND_FILE) return;
  if (bytes.includes(ENCRYPTED)) throw passwordFault();
  throw fileFault(
    'unreadable',
    'the file has the format of Office before 2007: save it as .docx, .pptx or .xlsx',
  );
}

function readTextFile(bytes: Buffer): string {
  if (bytes.length > MAX_TEXT_BYTES) {
    throw fileFault('too_large', 'the text has over 1 MB: divide it into several files');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // the same reason
  }
  throw fileFault('unreadable', 'the file is not text in UTF-8');
}

const TO_RECOGNIZE =
  'to recognize text in images (OCR), set ocr_model_id of the knowledge base to a model that reads images, or HOWDAH_TESSERACT_DATA of the workers';

function withoutText(type: string, recognizer: ImageReader | undefined): Error {
  return fileFault('no_text', reasonOf(type, recognizer));
}

function reasonOf(type: string, recognizer: ImageReader | undefined): string {
  const isImage = isImageDocument(type);
  if (!isImage && type !== 'application/pdf') return 'the file has no text';
  if (!recognizer) {
    const found = isImage ? 'the file is an image' : 'the PDF has no text, as of a scan';
    return `${found}: ${TO_RECOGNIZE}`;
  }
  return recognizer.undecoded > 0
    ? 'the PDF has no text, and its images are damaged'
    : `no text was recognized in the ${isImage ? 'image' : 'images of the PDF'}`;
}
