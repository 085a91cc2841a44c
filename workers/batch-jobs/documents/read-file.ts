import { dirname, join } from 'node:path';
import {
  moduleBeside,
  ThreadFault,
  ThreadPool,
  type ThreadPoolOptions,
} from '../../../src/concurrency/thread-pool.ts';
import { isImageDocument } from '../../../src/contracts/document-types.ts';
import type { Pool } from '../../../src/db/connection/pool.ts';
import type { ClaimedDocument } from '../../../src/db/knowledge/ingestion.ts';
import { beginRecognition, type OcrModel } from '../../../src/db/knowledge/recognition.ts';
import type {
  DividedFile,
  DocumentFile,
  divideFile,
} from '../../../src/knowledge/files/divide-file.ts';
import type { Recognition } from '../../../src/knowledge/files/recognition/recognizer.ts';
import {
  TESSERACT_PACKAGE,
  traineddataOf,
} from '../../../src/knowledge/files/recognition/traineddata.ts';
import { resolvePackage } from '../../../src/providers/ai-sdk/packages.ts';
import type { FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { DocumentFault } from './document-fault.ts';
import {
  type PageCall,
  type PageLimits,
  PageRecognizer,
  RecognitionDelay,
} from './recognize-pages.ts';

/**
 * Files are read in a process, since a thread has no limit for buffers. A process that has read
 * many files is replaced, since parsers keep memory.
 */
const PROCESSES: ThreadPoolOptions = {
  runs_in: 'process',
  ...{ size: 1, heap_mb: 384, memory_mb: 768, max_calls: 100 },
};
/** Text of images is recognized in other processes, so that other files do not wait for it. */
const RECOGNITION: ThreadPoolOptions = {
  ...PROCESSES,
  ...{ size: 2, memory_mb: 1_024, max_calls: 10 },
};

const DIVIDE_FILE = {
  module: moduleBeside('../../../src/knowledge/files/divide-file.ts', import.meta.url),
  name: 'divideFile' satisfies (typeof divideFile)['name'],
};

/** The build of Tesseract for data of neural networks. All supported versions of Node have SIMD. */
const PROGRAM = 'tesseract-core-simd-lstm.js';

export type FileReaderOptions = {
  pool: Pool;
  /**
   * Finds the providers of models that recognize text. Without it, documents of bases with such a
   * model are not claimed.
   */
  provider?: FindProvider | undefined;
  /** The folder of the data of Tesseract, for bases without a model that recognizes text. */
  tesseractData?: string | undefined;
  /** Returns the main file of an installed package, or null. */
  findPackage?: ((name: string) => string | null) | undefined;
};

/** The base of a document, whose tenants take turns, and the limits of reading a file. */
export type FileCall = PageCall & {
  limits: PageLimits & Record<'divide_ms' | 'recognize_ms', number>;
};

type Files = Parameters<typeof divideFile>;

/**
 * Reads and divides files in processes. The text of documents that are images, and of pages of a
 * PDF without text, is recognized: by the model of the base, else by Tesseract.
 */
export class FileReader {
  readonly #options: FileReaderOptions;
  readonly #processes = new ThreadPool(PROCESSES);
  readonly #recognition = new ThreadPool(RECOGNITION);
  readonly #pages: PageRecognizer | undefined;

  constructor(options: FileReaderOptions) {
    this.#options = options;
    this.#pages = options.provider && new PageRecognizer(options.pool, options.provider);
  }

  /**
   * Returns the text of a file and its pieces, or `images` if text of images has to be recognized.
   * Throws the faults of `divideFile`, and `ThreadFault` for the limits.
   */
  async read(
    document: ClaimedDocument,
    file: DocumentFile,
    call: FileCall,
  ): Promise<DividedFile | 'images'> {
    if (isImageDocument(file.type)) return 'images';
    const recognizes = document.has_ocr_model || this.#options.tesseractData !== undefined;
    if (file.type !== 'application/pdf' || !recognizes) return this.#readTexts(file, call);
    const read = await this.#readTexts(file, call).catch((error) => {
      if (error.code !== 'no_text') throw error;
      return undefined;
    });
    return read?.emptyPages === 0 ? read : 'images';
  }

  /**
   * Returns the text of a file and its pieces, with the text of images; `later` if the time of the
   * turn is over; or `edited` if the document was edited or deleted. Throws like `read`, and
   * `DocumentFault` and `RecognitionDelay`.
   */
  async recognize(
    document: ClaimedDocument,
    file: DocumentFile,
    call: FileCall,
  ): Promise<DividedFile | 'edited' | 'later'> {
    const recognition = await beginRecognition(this.#options.pool, document);
    if (!recognition) return 'edited';
    const { language, ocr, error } = recognition;
    if (error?.code === 'limit_reached') throw new RecognitionDelay(error);
    if (error) throw new DocumentFault(error.code, error.message);
    if (ocr) return this.#recognizeByModel(document, file, ocr, call);
    const { tesseractData } = this.#options;
    return tesseractData === undefined
      ? this.#readTexts(file, call)
      : this.#recognizeByTesseract(file, { folder: tesseractData, language }, call);
  }

  #readTexts(file: DocumentFile, { base, limits, signal }: FileCall): Promise<DividedFile> {
    const called = { key: base.tenant_id, deadline_ms: limits.divide_ms, signal };
    return this.#processes.run<Files, DividedFile>(DIVIDE_FILE, [file], called);
  }

  async #recognizeByModel(
    document: ClaimedDocument,
    file: DocumentFile,
    ocr: OcrModel,
    call: FileCall,
  ): Promise<DividedFile | 'edited' | 'later'> {
    if (!this.#pages) return 'later'; // the base has got the model since the claim
    const transcripts = await this.#pages.recognize(document, file, ocr, call);
    if (typeof transcripts === 'string') return transcripts;
    return this.#readTexts({ ...file, transcripts }, call);
  }

  async #recognizeByTesseract(
    file: DocumentFile,
    { folder, language }: { folder: string; language: string },
    { base, limits, signal }: FileCall,
  ): Promise<DividedFile> {
    const program = programOf(this.#options.findPackage);
    const recognition: Recognition = { program, folder, data: traineddataOf(language) };
    const called = { key: base.tenant_id, deadline_ms: limits.recognize_ms, signal };
    try {
      const recognized = { ...file, recognition };
      return await this.#recognition.run<Files, DividedFile>(DIVIDE_FILE, [recognized], called);
    } catch (error) {
      throw isOutOfTime(error) ? withTooMuchToRecognize(limits.recognize_ms) : error;
    }
  }
}

const isOutOfTime = (error: unknown) => error instanceof ThreadFault && error.code === 'deadline';

const withTooMuchToRecognize = (ms: number) =>
  new DocumentFault(
    'time_limit',
    `recognizing the text of images took more than ${ms / 1000} s: divide the file into several`,
  );

/** Returns the file of Tesseract. Throws with the command that installs it. */
function programOf(findPackage = resolvePackage): string {
  const main = findPackage(TESSERACT_PACKAGE);
  if (main !== null) return join(dirname(main), PROGRAM);
  throw new DocumentFault(
    'no_text',
    `the text of images is not recognized: the package ${TESSERACT_PACKAGE} is not installed where workers run: run npm install ${TESSERACT_PACKAGE}`,
  );
}
