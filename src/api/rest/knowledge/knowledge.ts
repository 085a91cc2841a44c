import { z } from 'zod';
import { DOCUMENT_TYPES, isTextDocument } from '../../../contracts/document-types.ts';
import type { Json, JsonObject } from '../../../json/json.ts';
import { isJsonText, parseJson } from '../../../json/parse-json.ts';
import { checkDocument } from '../../../operations/check-input.ts';
import {
  listSources,
  listStaleAnswers,
  readKnowledgeHealth,
  replaySearches,
} from '../../../operations/definitions/answer-sources.ts';
import { fitRanking } from '../../../operations/definitions/fit-ranking.ts';
import {
  listChunks,
  readKnowledgeState,
} from '../../../operations/definitions/knowledge-chunks.ts';
import { listSearchHits } from '../../../operations/definitions/search-hits.ts';
import { searchKnowledge } from '../../../operations/definitions/search-knowledge.ts';
import {
  addDocument,
  sentDocument,
  uploadDocument,
} from '../../../operations/definitions/upload-document.ts';
import { documents } from '../../../resources/definitions/documents.ts';
import { knowledgeBases } from '../../../resources/definitions/knowledge-bases.ts';
import { byId } from '../../../resources/fields.ts';
import { noSuch, RequestRefusal } from '../../../resources/request-refusal.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';
import { documentOfForm, FORM_TYPE } from './document-form.ts';

const TYPES = [...new Set(Object.values(DOCUMENT_TYPES))];
const TEXT_TYPES = TYPES.filter(isTextDocument);
const FILE_TYPES = TYPES.filter((type) => !isTextDocument(type));
/** The most bytes of a request. A file of 8 MB as base64 in JSON is longer. */
const MAX_BYTES = 12 * 1024 * 1024;

const upload = route({
  ...uploadDocument,
  description:
    'The body is the text of the document, a file, JSON with title and content, or base64 and type; or a form with the file in the field file. A worker then reads and divides the document: its status says when it can be searched.',
  params: byId,
  query: z.strictObject({
    title: z
      .string()
      .optional()
      .describe('The title of the document; needed for a text or a file that is sent alone'),
    metadata: z
      .string()
      .refine(isJsonText, 'must be JSON, such as {"year": 2026}')
      .optional()
      .describe('A JSON object: tags, by which searches filter'),
    language: z
      .string()
      .optional()
      .describe('The language of the document, such as de; detected by default'),
  }),
  body: z.string(),
  bodyTypes: [...TEXT_TYPES, 'application/json'],
  fileTypes: [...FILE_TYPES, FORM_TYPE],
  maxBytes: MAX_BYTES,
  async work(db, { params, query, body, headers, identity: { tenantId } }, { secrets }) {
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    const { metadata, ...named } = query;
    const sent =
      type === FORM_TYPE
        ? await documentOfForm(headers['content-type'] ?? '', body)
        : type === 'application/json'
          ? (jsonOf(body) as JsonObject)
          : { type, [isTextDocument(type) ? 'content' : 'base64']: body };
    const around = { ...named, ...(metadata !== undefined && { metadata: parseJson(metadata) }) };
    const partial = sentDocument.partial({ title: true });
    const values =
      type === FORM_TYPE
        ? { ...checkDocument(partial, sent), ...around }
        : { ...around, ...checkDocument(partial, sent) };
    if (values.title === undefined) throw withoutTitle();
    return addDocument(db, params.id, values, { tenantId, secrets });
  },
});

function jsonOf(body: string): Json {
  try {
    return parseJson(body) as Json;
  } catch (error) {
    throw new RequestRefusal(400, `the body is not valid JSON: ${(error as Error).message}`, {
      hint: 'Send JSON with title and content, or a text with the content type text/markdown.',
    });
  }
}

const withoutTitle = () =>
  new RequestRefusal(400, 'title is missing', {
    hint: 'Add ?title=… to the path of a text, or the field title to JSON.',
    detail: { field: 'title' },
  });

const documentContent = route({
  method: 'GET',
  path: `${documents.path}/{id}/content`,
  id: 'getDocumentContent',
  tag: 'documents',
  summary: 'Get the text of a document',
  params: byId,
  answers: { 200: { description: 'The text, sent as an attachment', type: 'text/*' } },
  async work(db, { params }) {
    const { rows } = await db.query<{ content: string; type: string }>(
      'select d.content, d.type from howdah.documents as d where d.id = $1',
      [params.id],
    );
    const [found] = rows;
    if (!found) throw noSuch('document', params.id);
    const type = isTextDocument(found.type) ? found.type : 'text/plain';
    return {
      text: { type: `${type}; charset=utf-8`, content: found.content },
      headers: { 'content-disposition': 'attachment' },
    };
  },
});

/** Routes of knowledge bases and their documents. */
export const knowledgeRoutes: Route[] = [
  ...resourceRoutes(knowledgeBases),
  upload,
  searchKnowledge,
  readKnowledgeState,
  replaySearches,
  fitRanking,
  readKnowledgeHealth,
  listStaleAnswers,
  listSources,
  ...resourceRoutes(documents),
  listChunks,
  documentContent,
  listSearchHits,
];
