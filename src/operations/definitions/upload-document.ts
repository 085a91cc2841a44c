import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import type { TaggedRow } from '../../db/queries/row-collection.ts';
import { documents } from '../../resources/definitions/documents.ts';
import { knowledgeBases } from '../../resources/definitions/knowledge-bases.ts';
import { resources } from '../../resources/definitions/resources.ts';
import { byId } from '../../resources/fields.ts';
import { createRow, readRow } from '../../resources/operations.ts';
import { RequestRefusal, refuseBoth } from '../../resources/request-refusal.ts';
import type { Body, Writer } from '../../resources/resource.ts';
import { type Answer, operation, shownRow } from '../operation.ts';

/** The most characters of the name of a file. A title may be longer. */
const MAX_NAME = 255;

/** A new document as it is sent: a text, a file, or a reference to a resource. */
export const sentDocument = documents.fields.omit({ knowledge_base_id: true }).extend({
  base64: z.base64().optional().describe('The bytes of a file of this type, at most 8 MB'),
});

/** Adds a document to a knowledge base. */
export const uploadDocument = operation({
  method: 'POST',
  path: `${knowledgeBases.path}/{id}/documents`,
  id: 'uploadDocument',
  tag: 'knowledge-bases',
  summary: 'Add a document to a knowledge base',
  params: byId,
  body: sentDocument,
  permission: { object: 'documents', action: 'edit' },
  isKeyed: true,
  answers: { 201: { description: 'The document', schema: documents.row } },
  work: (db, { params, body, identity: { tenantId } }, { secrets }) =>
    addDocument(db, params.id, body, { tenantId, secrets }),
});

/**
 * Adds a document, in a transaction. A file is stored as a resource, which is deleted with the
 * document.
 */
export async function addDocument(
  db: Queryable,
  baseId: string,
  sent: Body,
  writer: Writer,
): Promise<Answer<TaggedRow['row']>> {
  await readRow(db, knowledgeBases, baseId);
  const values = { ...(await storeFile(db, sent, writer)), knowledge_base_id: baseId };
  const made = await createRow(db, documents, values, writer);
  const location = `${documents.path}/${made.row.id}`;
  return { ...shownRow(documents, made), status: 201, headers: { location } };
}

/** Stores the file of a document, if it has one. Returns the values of the document. */
async function storeFile(db: Queryable, body: Body, writer: Writer): Promise<Body> {
  const { base64, type, ...sent } = body;
  if (base64 === undefined) return body;
  refuseBoth(body, 'base64', ['content', 'resource_id']);
  if (type === undefined) throw withoutType();
  const name = [...String(sent.title)].slice(0, MAX_NAME).join('');
  const { row } = await createRow(db, resources, { name, type, base64 }, writer);
  return { ...sent, resource_id: row.id, owns_resource: true };
}

const withoutType = () =>
  new RequestRefusal(400, 'type is missing', {
    hint: 'Name the type of the file, such as application/pdf.',
    detail: { field: 'type' },
  });
