import { basename } from 'node:path';
import type { Command } from 'commander';
import {
  DOCUMENT_TYPES,
  documentType,
  isTextDocument,
  MAX_DOCUMENT_BYTES,
} from '../../../contracts/document-types.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  listChunks,
  readKnowledgeState,
} from '../../../operations/definitions/knowledge-chunks.ts';
import {
  type FoundChunk,
  searchKnowledge,
} from '../../../operations/definitions/search-knowledge.ts';
import { uploadDocument } from '../../../operations/definitions/upload-document.ts';
import { listOperation } from '../../../operations/list-operation.ts';
import { documents } from '../../../resources/definitions/documents.ts';
import { knowledgeBases } from '../../../resources/definitions/knowledge-bases.ts';
import type { CommandResource } from '../../../resources/resource.ts';
import type { Backend, Row } from '../../backend/backend.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { readArgument, readFileBytes, readTextFile } from '../../input/input-argument.ts';
import { parseDuration } from '../../input/parse-duration.ts';
import { isUuid } from '../../input/resolve-id.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { plainText } from '../../output/terminal-text.ts';
import { printRow, printRows, shortenRow } from '../../print/rows.ts';
import {
  findBase,
  registerFit,
  registerHealth,
  registerHits,
  registerReplay,
  registerSearches,
  registerSources,
  registerStale,
  withBase,
} from './kb-answers.ts';

type Options = { tenant?: string };

/** Documents by title, as the commands name them. */
const namedDocuments: CommandResource = {
  ...documents,
  command: { noun: 'kb', list: [], empty: '', name: 'title' },
};
const documentsById: CommandResource = {
  ...documents,
  command: { ...namedDocuments.command, name: 'id' },
};

/**
 * Registers `howdah kb [list | show | create | change | delete | add | ls | chunks | set-language
 * | state | search | searches | hits | health | sources | stale | replay | fit | rm]`: knowledge
 * bases, their documents and chunks, searches, and the sources of answers.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    ...resourceVerbs(knowledgeBases),
    { name: 'add', summary: 'add files and URLs to a knowledge base', register: registerAdd },
    { name: 'ls', summary: 'list the documents of a knowledge base', register: registerLs },
    { name: 'chunks', summary: 'list the chunks of a document', register: registerChunks },
    {
      name: 'set-language',
      summary: 'say in which language a document is written',
      register: registerSetLanguage,
    },
    { name: 'state', summary: 'count documents by status, and chunks', register: registerState },
    { name: 'search', summary: 'search a knowledge base', register: registerSearch },
    { name: 'searches', summary: 'list the searches in a base', register: registerSearches },
    { name: 'hits', summary: 'show what a recorded search found', register: registerHits },
    { name: 'health', summary: 'count searches and stale answers', register: registerHealth },
    { name: 'sources', summary: 'show the sources of an answer', register: registerSources },
    { name: 'stale', summary: 'list answers whose sources have changed', register: registerStale },
    {
      name: 'replay',
      summary: 'repeat searches and compare what they find',
      register: registerReplay,
    },
    { name: 'fit', summary: 'fit how much words and vectors count', register: registerFit },
    { name: 'rm', summary: 'delete a document of a knowledge base', register: registerRm },
  ]);
}

/** Reads the documents of a base that match a filter. */
function listDocuments({ call }: Backend, baseId: string, wanted: Filter = {}): Promise<Row[]> {
  const filter = { knowledge_base_id: baseId, ...wanted };
  return allRows((page) => call(listOperation<Row>(documents), { query: { ...filter, ...page } }));
}
type Filter = { title?: string; status?: string; words?: string };

/** Returns the document of a base with this title or id. Throws `HWNTF`, or `HWCNF` for several. */
async function findDocument(backend: Backend, base: string, document: string): Promise<Row> {
  const { id } = await findBase(backend, base);
  const titled = await listDocuments(backend, id, { title: document });
  const found = isUuid(document)
    ? await backend.definitions.lookUp(documentsById, document)
    : undefined;
  const isOther = found?.knowledge_base_id === id && titled.every((row) => row.id !== found.id);
  const all = isOther ? [...titled, found] : titled;
  if (all.length === 1 && all[0]) return all[0];
  throw notOne(base, document, all);
}

function registerAdd(command: Command, io: CliIo): void {
  withBase(command)
    .argument('<files...>', `files (${ENDINGS}), else Markdown; or URLs; titled by their name`)
    .option('--metadata <json|@file>', 'tags of the documents, by which searches filter')
    .option('--language <code>', 'language of the documents, such as de (default: detected)')
    .option('--reread <time>', 'fetch URLs again after this time, such as 1d', parseDuration(365))
    .action(async (name: string, files: string[], options: AddOptions) => {
      const metadata = await readArgument(io, 'metadata', options.metadata);
      // so that a wrong file leaves nothing behind
      await Promise.all(files.map((file) => readDocument(file, options)));
      const added = await withBackend(io, command, options, async (backend) => {
        const { id } = await findBase(backend, name);
        const rows: Row[] = [];
        for (const file of files) {
          const document = await readDocument(file, options);
          const body = {
            ...document,
            ...(metadata !== undefined && { metadata }),
            ...(options.language !== undefined && { language: options.language }),
          };
          rows.push(await backend.call(uploadDocument, { params: { id }, body }));
        }
        return rows;
      });
      printRows(io, { items: added, rows: added.map(toListed) });
    });
}

type AddOptions = Options & { metadata?: string; language?: string; reread?: number };

/** Returns a URL, a text, or the bytes of a file. Throws `EUSAGE`. */
async function readDocument(file: string, { reread }: AddOptions) {
  if (/^https?:\/\//i.test(file)) {
    const title = file.replace(/[?#].*$/, '').slice(0, 500);
    return { title, url: file, ...(reread && { reread_seconds: reread }) };
  }
  const document = { title: basename(file), type: documentType(file) };
  try {
    if (isTextDocument(document.type)) return { ...document, content: await readTextFile(file) };
    return {
      ...document,
      base64: (await readFileBytes(file, MAX_DOCUMENT_BYTES.file)).toString('base64'),
    };
  } catch (cause) {
    throw new HowdahError('EUSAGE', `${file} cannot be read: ${(cause as Error).message}`, {
      hint: `Add files of at most 8 MB (${ENDINGS}), or of UTF-8 text.`,
      detail: { file },
      cause,
    });
  }
}

const ENDINGS = Object.keys(DOCUMENT_TYPES).join(' ');

const toListed = (row: Row) => shortenRow(row, ['id', 'title', 'type', 'status', 'status_at']);

type LsOptions = Options & Pick<Filter, 'status' | 'words'>;

function registerLs(command: Command, io: CliIo): void {
  withBase(command)
    .option('--status <status>', 'pending, working, ready or failed')
    .option('--words <words>', 'words of the title')
    .action(async (name: string, { status, words, ...options }: LsOptions) => {
      const filter = { ...(status && { status }), ...(words && { words }) };
      const items = await withBackend(io, command, options, async (backend) =>
        listDocuments(backend, (await findBase(backend, name)).id, filter),
      );
      printRows(io, { items, rows: items.map(toListed), empty: 'No documents.' });
    });
}

function registerChunks(command: Command, io: CliIo): void {
  withBase(command)
    .argument('<document>', 'title or id of the document')
    .action(async (name: string, document: string, options: Options) => {
      const items = await withBackend(io, command, options, async (backend) => {
        const { id } = await findDocument(backend, name, document);
        const params = { id: String(id) };
        return allRows((page) => backend.call(listChunks, { params, query: page }));
      });
      const shown = ['seq', 'page', 'heading_path', 'start_offset', 'end_offset', 'content'];
      const rows = items.map((row) => shortenRow(row, shown));
      printRows(io, { items, rows, empty: 'No chunks.' });
    });
}

function registerSetLanguage(command: Command, io: CliIo): void {
  withBase(command)
    .argument('<document>', 'title or id of the document')
    .argument('<language>', 'code such as de, simple for words without stems, or auto to detect it')
    .action(async (name: string, document: string, code: string, options: Options) => {
      const language = code === 'auto' ? null : code;
      const row = await withBackend(io, command, options, async (backend) => {
        const { id } = await findDocument(backend, name, document);
        return backend.definitions.change(documentsById, String(id), { language });
      });
      if (io.json) return printJson(io, row);
      const shown = row.language === null ? 'detected' : plainText(String(row.language));
      io.out(`${plainText(String(row.title))} changed: language ${shown}`);
    });
}

function registerState(command: Command, io: CliIo): void {
  withBase(command).action(async (name: string, options: Options) => {
    const state = await withBackend(io, command, options, async (backend) => {
      const { id } = await findBase(backend, name);
      return backend.call(readKnowledgeState, { params: { id } });
    });
    printRow(io, state);
  });
}

type SearchOptions = Options & { k?: string; filter?: string; mode?: string };

function registerSearch(command: Command, io: CliIo): void {
  withBase(command)
    .argument('<query>', 'a question, or words that the text may contain')
    .option('--k <number>', 'the most chunks (default: 10)')
    .option('--filter <json>', 'JSON that the metadata of the documents must contain')
    .option('--mode <mode>', 'hybrid, text or vector (default: hybrid if the base has vectors)')
    .action(async (name: string, query: string, { k, filter, mode, ...options }: SearchOptions) => {
      const { chunks } = await withBackend(io, command, options, async (backend) => {
        const { id } = await findBase(backend, name);
        return backend.call(searchKnowledge, { params: { id }, query: { query, k, filter, mode } });
      });
      if (io.json) return printJson(io, { items: chunks });
      if (chunks.length === 0) io.err('Nothing was found.');
      const fault = rerankFault(chunks);
      if (fault) io.err(`Not reranked: ${plainText(fault)}`);
      for (const { title, heading_path, score, content } of chunks) {
        io.out(`${[title, ...heading_path].map(plainText).join(' › ')}  (${score.toFixed(2)})`);
        io.out(`${plainText(content)}\n`);
      }
    });
}

function registerRm(command: Command, io: CliIo): void {
  withBase(command)
    .argument('<document>', 'title or id of the document')
    .option(...YES_OPTION)
    .action(
      async (name: string, document: string, { yes, ...options }: Options & { yes?: true }) => {
        const isWanted = () => confirm(io, `This deletes the document ${document}.`, yes);
        const row = await withBackend(io, command, options, async (backend) => {
          const { id } = await findDocument(backend, name, document);
          return backend.definitions.delete(documentsById, String(id), isWanted);
        });
        if (row === undefined) return;
        if (io.json) printJson(io, row);
        else io.out(`${plainText(String(row.title))} deleted`);
      },
    );
}

const notOne = (base: string, document: string, found: readonly Row[]) =>
  found.length === 0
    ? new HowdahError('HWNTF', `${base} has no document ${document}`, {
        hint: `Its documents: howdah kb ls ${base}`,
      })
    : new HowdahError('HWCNF', `${base} has ${found.length} documents ${document}`, {
        hint: `Name one by its id: ${found.map(({ id }) => id).join(', ')}`,
      });

/** Returns why a reranker changed nothing, if one should have. */
const rerankFault = (chunks: readonly FoundChunk[]): string | undefined => {
  for (const { ranks } of chunks) {
    const { error } = (ranks.rerank ?? {}) as { error?: { message: string } };
    if (error) return error.message;
  }
  return undefined;
};
