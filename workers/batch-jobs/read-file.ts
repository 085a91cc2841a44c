import { dirname, join } from 'node:path';
import {
  moduleBeside,
  ThreadFault,
  ThreadPool,
  type ThreadPoolOptions,
} from '../../src/concurrency/thread-pool.ts';
import { isImageDocument } from '../../src/contracts/document-types.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { beginRecognition, type ClaimedDocument } from '../../src/db/knowledge/ingestion.ts';
import type {
  DividedFile,
  DocumentFile,
  divideFile,
} from '../../src/knowledge/files/divide-file.ts';
import type { Recognition } from '../../src/knowledge/files/recognition/recognizer.ts';
import {
  TESSERACT_PACKAGE,
  traineddataOf,
} from '../../src/knowledge/files/recognition/traineddata.ts';
import { resolvePackage } from '../../src/providers/ai-sdk/packages.ts';

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
  module: moduleBeside('../../src/knowledge/files/divide-file.ts', import.meta.url),
  name: 'divideFile' satisfies (typeof divideFile)['name'],
};

/** The build of Tesseract for data of neural networks. All supported versions of Node have SIMD. */
const PROGRAM = 'tesseract-core-simd-lstm.js';

/** A fault of a document itself, with a message for its author. */
export class DocumentFault extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export type FileReaderOptions = {
  pool: Pool;
  /** The folder of the data of Tesseract. Without it, the text of images is not recognized. */
  tesseractData?: string | undefined;
  /** Returns the main file of an installed package, or null. */
  findPackage?: ((name: string) => string | null) | undefined;
};

/** The limits of reading a file. `key` is the tenant, since tenants take turns. */
export type FileCall = {
  key: string;
  limits: Record<'divide_ms' | 'recognize_ms', number>;
  signal: AbortSignal;
};

type Files = Parameters<typeof divideFile>;

/**
 * Reads and divides files in processes. Where Tesseract has data, the text of images is recognized:
 * of documents that are images, and of pages of a PDF without text.
 */
export class FileReader {
  readonly #options: FileReaderOptions;
  readonly #processes = new ThreadPool(PROCESSES);
  readonly #recognition = new ThreadPool(RECOGNITION);

  constructor(options: FileReaderOptions) {
    this.#options = options;
  }

  /**
   * Returns the text of a file and its pieces, or `edited` if the document was edited or deleted.
   * Throws the faults of `divideFile`, `DocumentFault`, and `ThreadFault` for the limits.
   */
  async read(
    document: ClaimedDocument,
    file: DocumentFile,
    call: FileCall,
  ): Promise<DividedFile | 'edited'> {
    const { tesseractData } = this.#options;
    if (tesseractData === undefined) return this.#readTexts(file, call);
    if (isImageDocument(file.type)) return this.#recognize(document, file, call);
    if (file.type !== 'application/pdf') return this.#readTexts(file, call);
    const read = await this.#readTexts(file, call).catch((error) => {
      if (error.code !== 'no_text') throw error;
      return undefined;
    });
    return read?.emptyPages === 0 ? read : this.#recognize(document, file, call);
  }

  #readTexts(file: DocumentFile, { key, limits, signal }: FileCall): Promise<DividedFile> {
    const called = { key, deadline_ms: limits.divide_ms, signal };
    return this.#processes.run<Files, DividedFile>(DIVIDE_FILE, [file], called);
  }

  async #recognize(
    document: ClaimedDocument,
    file: DocumentFile,
    { key, limits, signal }: FileCall,
  ): Promise<DividedFile | 'edited'> {
    const program = programOf(this.#options.findPackage);
    const extended = await beginRecognition(this.#options.pool, document);
    if (!extended) return 'edited';
    const recognition: Recognition = {
      ...{ program, folder: this.#options.tesseractData ?? '' },
      data: traineddataOf(extended.language),
    };
    const called = { key, deadline_ms: limits.recognize_ms, signal };
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
