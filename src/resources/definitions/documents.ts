import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, object, time } from '../fields.ts';
import { resource } from '../resource.ts';
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
  },
  writeOnly: { content: z.string() },
  once: ['knowledge_base_id'],
  readOnly: {
    status,
    status_at: time,
    error: object.nullable(),
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
  },
});
