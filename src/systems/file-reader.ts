import { availableParallelism } from 'node:os';
import {
  moduleBeside,
  ThreadFault,
  type ThreadFunction,
  ThreadPool,
} from '../concurrency/thread-pool.ts';
import { HowdahError } from '../contracts/errors.ts';
import { functionsIn } from '../db/schema/parse-create-function.ts';
import { truncate } from '../text/truncate.ts';
import {
  type checkDocumentText,
  checkedIn,
  parsedIn,
  type parseYamlText,
} from './read-in-thread.ts';
import { type CheckedDocument, checkDocument } from './schema/check-document.ts';
import { type ParsedYaml, parseYaml, type YamlOptions } from './yaml/parse-yaml.ts';

type Functions = Awaited<ReturnType<typeof functionsIn>>;

/** The steps of reading a file whose time grows with its length; `file` is its name in messages. */
export type FileReader = {
  parseYaml(file: string, text: string, options: YamlOptions): Promise<ParsedYaml>;
  functionsIn(file: string, text: string): Promise<Functions>;
  checkDocument(file: string, document: unknown): Promise<CheckedDocument>;
};

/** Reads in this thread, for programs with nothing else to do. */
export const localReader: FileReader = {
  parseYaml: async (_file, text, options) => parseYaml(text, options),
  functionsIn: (_file, text) => functionsIn(text),
  checkDocument: (_file, document) => checkDocument(document),
};

/** Most characters of one caller that are read in this thread. */
const MAX_MAIN_THREAD_CHARACTERS = 10_000;
/**
 * The deadline of one step in a thread. A file at the limits takes about a second on an idle
 * machine.
 */
const DEADLINE_MS = 10_000;

const sharedThreads = new ThreadPool({
  size: Math.min(2, availableParallelism()),
  max_per_key: 1,
  heap_mb: 256,
  budget: { burst_ms: 5_000, share: 0.25 },
  max_waiting: 20,
});

const PARSE: ThreadFunction<Parameters<typeof parseYamlText>, ReturnType<typeof parseYamlText>> = {
  module: moduleBeside('./read-in-thread.ts', import.meta.url),
  name: 'parseYamlText',
};
const FUNCTIONS: ThreadFunction<[string], Functions> = {
  module: moduleBeside('../db/schema/parse-create-function.ts', import.meta.url),
  name: 'functionsIn',
};
const CHECK: ThreadFunction<[string], Awaited<ReturnType<typeof checkDocumentText>>> = {
  module: PARSE.module,
  name: 'checkDocumentText',
};

/** Options that tests override. */
export type ThreadReaderOptions = { threads?: ThreadPool; deadline_ms?: number };

/**
 * Reads the files of one request of a tenant. Small files are read here. Beyond a total size, files
 * are read in threads with a deadline, so that no file stops the event loop. Rejects with HWINV for
 * a file that takes too long.
 */
export function threadReader(
  tenant: string,
  { threads = sharedThreads, deadline_ms = DEADLINE_MS }: ThreadReaderOptions = {},
): FileReader {
  let characters = 0;
  const inThread = async <A extends unknown[], R>(
    call: ThreadFunction<A, R>,
    file: string,
    ...args: A
  ): Promise<R> => {
    try {
      return await threads.run(call, args, { key: tenant, deadline_ms });
    } catch (error) {
      throw error instanceof ThreadFault ? refusalOf(error, file, deadline_ms) : error;
    }
  };
  const isLarge = (text = ''): boolean => {
    characters += text.length;
    return characters > MAX_MAIN_THREAD_CHARACTERS;
  };
  return {
    parseYaml: (file, text, options) =>
      isLarge(text)
        ? inThread(PARSE, file, text, options).then(parsedIn)
        : localReader.parseYaml(file, text, options),
    functionsIn: (file, text) =>
      isLarge(text) ? inThread(FUNCTIONS, file, text) : localReader.functionsIn(file, text),
    checkDocument: (file, document) =>
      isLarge()
        ? inThread(CHECK, file, JSON.stringify(document)).then(checkedIn)
        : localReader.checkDocument(file, document),
  };
}

function refusalOf({ code, message }: ThreadFault, file: string, deadline_ms: number): Error {
  const name = truncate(file, 200);
  const hint = 'Split it into several systems, or remove repeated parts.';
  switch (code) {
    case 'deadline':
      return new HowdahError('HWINV', `${name} takes more than ${deadline_ms} ms to read`, {
        hint,
      });
    case 'memory':
      return new HowdahError('HWINV', `${name} needs too much memory to read`, { hint });
    case 'busy':
      return new HowdahError(
        'HWQTA',
        `${name} cannot be read now: too many files of this tenant wait to be read`,
        {
          hint: 'Send it again in a moment, and fewer at the same time.',
        },
      );
    default:
      return new Error(`reading ${name} failed: ${message}`);
  }
}
