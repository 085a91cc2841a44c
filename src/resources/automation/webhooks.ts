import { z } from 'zod';
import { signingKeyRowsOn } from '../../db/access/signing-keys.ts';
import { issueSigningKey } from '../../secrets/signing-keys.ts';
import { flag, id, optionalText, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { subjectByName, withSubjectIds } from '../subject-names.ts';

export const signingKey = z
  .string()
  .describe('The key that verifies deliveries: whsec_ and Base64. It is shown once');

/** Addresses that are told what happens to runs. */
export const webhooks = resource('webhooks', {
  path: '/api/webhooks',
  one: 'webhook',
  command: {
    noun: 'admin webhooks',
    list: ['id', 'url', 'events', 'is_active', 'disabled_because', 'description'],
    empty: 'No webhooks. Create one: howdah admin webhooks create URL',
    name: 'url',
  },
  columns: {
    url: z.string(),
    events: z.array(z.string()).optional(),
    description: z.string().optional(),
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
    secret_name: optionalText,
    previous_secret_name: optionalText,
    is_active: z.boolean().optional(),
  },
  parts: subjectByName,
  valuesOf: withSubjectIds,
  readOnly: { disabled_because: z.string().nullable(), created_at: time, updated_at: time },
  examples: {
    create: { url: 'https://example.com/hook', events: ['execution.failed'] },
    change: { events: ['execution.failed', 'question.opened'] },
  },
  filters: {
    url: z.string().optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  shownOnce: {
    fields: { signing_key: signingKey.nullable() },
    async create(db, webhookId, { secret_name }, { secrets, tenantId }) {
      if (secret_name != null) return { signing_key: null };
      const rows = signingKeyRowsOn(db, tenantId, { webhookId, rotates: false });
      const { signing_key } = await issueSigningKey(secrets, tenantId, rows);
      return { signing_key };
    },
  },
});
