import { z } from 'zod';
import { DOCUMENT_TYPES } from '../../../contracts/document-types.ts';
import type { Json } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { checkDocument } from '../../../operations/check-input.ts';
import {
  listChunks,
  readKnowledgeState,
} from '../../../operations/definitions/knowledge-chunks.ts';
import { searchKnowledge } from '../../../operations/definitions/search-knowledge.ts';
import { shownRow } from '../../../operations/operation.ts';
import { documents } from '../../../resources/definitions/documents.ts';
import { knowledgeBases } from '../../../resources/definitions/knowledge-bases.ts';
import { byId } from '../../../resources/fields.ts';
import { createRow, readRow } from '../../../resources/operations.ts';
import { noSuch, RequestRefusal } from '../../../resources/request-refusal.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

const sentDocument = documents.fields.omit({ knowledge_base_id: true });

const upload = route({
  method: 'POST',
  path: `${knowledgeBases.path}/{id}/documents`,
  id: 'uploadDocument',
  tag: 'knowledge-bases',
  summary: 'Add a document to a knowledge base',
  description:
    'The body is the text of the document, or JSON with title, content, type and metadata. A worker then divides the document: its status says when it can be searched.',
  params: byId,
  query: z.strictObject({
    title: z.string().optional().describe('The title of the document; needed for a text'),
  }),
  body: z.string(),
  bodyTypes: [...new Set(Object.values(DOCUMENT_TYPES)), 'application/json'],
  permission: { object: 'documents', action: 'edit' },
  isKeyed: true,
  answers: { 201: { description: 'The document', schema: documents.row } },
  async work(db, { params, query, body, headers, identity: { tenantId } }, { secrets }) {
    await readRow(db, knowledgeBases, params.id);
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    const sent: Readonly<Record<string, unknown>> =
      type === 'application/json'
        ? { ...query, ...checkDocument(sentDocument.partial({ title: true }), jsonOf(body)) }
        : { ...query, content: body, type };
    if (sent.title === undefined) throw withoutTitle();
    const values = { ...sent, knowledge_base_id: params.id };
    const made = await createRow(db, documents, values, { tenantId, secrets });
    const location = `${documents.path}/${made.row.id}`;
    return { ...shownRow(documents, made), status: 201, headers: { location } };
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
    return {
      text: { type: `${found.type}; charset=utf-8`, content: found.content },
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
  ...resourceRoutes(documents),
  listChunks,
  documentContent,
];
