import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileFault } from '../file-fault.ts';
import { joinLines } from '../join-lines.ts';
import type { PdfPage } from '../pdf/pdfjs.ts';
import { drawPage } from './draw-page.ts';
import { encodePng } from './encode-png.ts';
import { checkImage } from './image-header.ts';
import { imagesOf } from './page-images.ts';

/** The program that recognizes text: its file, the folder of its data, and the data to use. */
export type Recognition = { program: string; folder: string; data: string };

/** The parts of `tesseract.js-core` that are called. */
type Tesseract = { TessBaseAPI: new () => Engine; FS: Files };
type Files = { writeFile(path: string, bytes: Uint8Array): void };
type Engine = {
  Init(folder: null, data: string, mode: number): number;
  SetVariable(name: string, value: string): boolean;
  SetImageFile(orientation: number, angle: number): number;
  Recognize(monitor: null): number;
  GetUTF8Text(): string;
  MeanTextConf(): number;
};

/** The mode that needs no data but those of neural networks, as distributions package them. */
const NEURAL = 1;
/** The mode that finds the columns and paragraphs of a page. */
const AUTOMATIC = '3';
/** The least mean confidence of a text, of 100. Drawings and photos have letters with less. */
const MIN_CONFIDENCE = 40;
/** The file that `SetImageFile` reads. */
const IMAGE = '/input';

/** Recognizes the text of images with Tesseract. It is loaded for the first image. */
export class Recognizer {
  readonly #recognition: Recognition;
  #loaded: { engine: Engine; files: Files } | undefined;
  #undecoded = 0;

  constructor(recognition: Recognition) {
    this.#recognition = recognition;
  }

  /** The number of pages with an image that could not be decoded. */
  get undecoded(): number {
    return this.#undecoded;
  }

  /** Returns the paragraphs of an image. Throws if it is damaged or too large. */
  async readImage(type: string, bytes: Buffer): Promise<string[]> {
    return this.#read(bytes, checkImage(type, bytes).orientation);
  }

  /** Returns the paragraphs that the images of a page show. */
  async readPage(page: PdfPage): Promise<string[]> {
    const { pictures, undecoded } = await imagesOf(page);
    if (undecoded > 0) this.#undecoded += 1;
    if (pictures.length === 0) return [];
    return this.#read(encodePng(drawPage(page, pictures)), 1);
  }

  async #read(image: Uint8Array, orientation: number): Promise<string[]> {
    const { engine, files } = await this.#load();
    files.writeFile(IMAGE, image);
    if (engine.SetImageFile(orientation, 0) === 1 || engine.Recognize(null) !== 0) {
      throw fileFault('unreadable', 'the image is damaged');
    }
    const text = engine.GetUTF8Text();
    if (engine.MeanTextConf() < MIN_CONFIDENCE) return [];
    return text.split(/\n\s*\n/).map((paragraph) => joinLines(paragraph.split('\n')));
  }

  async #load() {
    this.#loaded ??= await loadTesseract(this.#recognition);
    return this.#loaded;
  }
}

async function loadTesseract({ program, folder, data }: Recognition) {
  const file = `${data}.traineddata`;
  const bytes = await readData(folder, file);
  const { default: start } = await import(pathToFileURL(program).href);
  const silent = { print() {}, printErr() {}, TesseractProgress() {} };
  const tesseract: Tesseract = await start(silent);
  tesseract.FS.writeFile(file, bytes);
  const engine = new tesseract.TessBaseAPI();
  if (engine.Init(null, data, NEURAL) !== 0) {
    throw fileFault(
      'no_text',
      `the text of images is not recognized: Tesseract cannot read ${file} in HOWDAH_TESSERACT_DATA`,
    );
  }
  engine.SetVariable('tessedit_pageseg_mode', AUTOMATIC);
  return { engine, files: tesseract.FS };
}

async function readData(folder: string, file: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT'
        ? `HOWDAH_TESSERACT_DATA has no ${file}: add it, or say another language of the document`
        : `${file} in HOWDAH_TESSERACT_DATA cannot be read (${code})`;
    throw fileFault('no_text', `the text of images is not recognized: ${reason}`, error);
  }
}
