import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Condition } from '../../db/queries/row-collection.ts';
import { equalTo } from '../equal-to.ts';
import { id, object, time } from '../fields.ts';
import { RequestRefusal } from '../request-refusal.ts';
import { type Body, resource } from '../resource.ts';
import { times } from './columns.ts';

const status = z.enum(enumLabels.document_status);

/** Texts of knowledge bases. Answers do not have the text, which may be long. */
export const documents = resource('documents', {
  path: '/api/documents',
  one: 'document',
  isLarge: true,
  columns: {
    knowledge_base_id: id,
    title: z.string(),
    type: z.string().optional(),
    metadata: object.optional(),
    language: z.string().nullable().optional(),
    resource_id: id.nullable().optional(),
    owns_resource: z.boolean().optional(),
    url: z.string().nullable().optional(),
    reread_seconds: z.int().nullable().optional(),
  },
  writeOnly: { content: z.string().optional() },
  once: ['knowledge_base_id', 'resource_id', 'owns_resource', 'url'],
  // the text of a file or URL is not written by callers
  keeps: ({ resource_id: file, url }) => (file === null && url === null ? [] : ['type', 'content']),
  readOnly: {
    status,
    status_at: time,
    error: object.nullable(),
    read_at: time.nullable(),
    detected_language: z.string().nullable(),
    digest: z.string(),
    created_by: z.string(),
    ...times,
  },
  // workers change the status
  stamp: 't.updated_at',
  examples: {
    create: {
      knowledge_base_id: '0197a000-0000-7000-8000-000000000001',
      title: 'Refunds',
      content: 'Refunds are possible within 30 days.',
    },
    change: { content: 'Refunds are possible within 60 days.' },
  },
  filters: {
    knowledge_base_id: id.optional(),
    title: z.string().optional(),
    status: status.optional().describe('The status, within a knowledge base'),
    words: z.string().optional().describe('Words of the title, within a knowledge base'),
  },
  conditions: conditionsOf,
});

/** Documents of all bases have no index by status or words, so these need the base. */
const OF_A_BASE = ['status', 'words'] as const;

function conditionsOf({ words, ...query }: Body): Condition[] {
  const all: Body = { ...query, words };
  const field = OF_A_BASE.find((name) => all[name] !== undefined);
  if (field !== undefined && query.knowledge_base_id === undefined) {
    throw new RequestRefusal(400, `${field} needs knowledge_base_id`, {
      hint: 'Name the knowledge base of the documents as well.',
      detail: { field },
    });
  }
  if (words === undefined) return equalTo(query);
  return [...equalTo(query), [HAS_WORDS, String(words).split(/\s+/)]];
}

const HAS_WORDS =
  '(select bool_and(strpos(lower(t.title), lower(w)) > 0) from unnest(?::text[]) as w)';
