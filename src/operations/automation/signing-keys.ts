import { z } from 'zod';
import { signingKeyRowsOn } from '../../db/access/signing-keys.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { byId } from '../../resources/fields.ts';
import { issueSigningKey } from '../../secrets/signing-keys.ts';
import { type OperationContext, type OperationInput, operation } from '../operation.ts';

const signingKey = z
  .string()
  .describe('The key that verifies deliveries: whsec_ and Base64. It is shown once');

const issuedKey = z
  .object({
    signing_key: signingKey,
    secret_name: z.string().describe('The secret that holds the key'),
    previous_secret_name: z.string().nullable().describe('The previous key, which also signs'),
  })
  .meta({ id: 'SigningKey' });

const issuing = {
  method: 'POST',
  tag: 'webhooks',
  isBodyOptional: true,
  body: z.strictObject({
    rotate: z
      .boolean()
      .optional()
      .describe(
        'True replaces a key that was shown before; the previous key also signs until it is removed',
      ),
  }),
  answers: { 200: { description: 'The key, for the only time', schema: issuedKey } },
} as const;

type Issuing = Pick<
  OperationInput<never, never, { rotate?: boolean | undefined }>,
  'body' | 'identity'
>;

async function issueKey(
  db: Queryable,
  webhookId: string | null,
  { body, identity: { tenantId } }: Issuing,
  { secrets }: OperationContext,
) {
  const rows = signingKeyRowsOn(db, tenantId, { webhookId, rotates: body.rotate === true });
  return { body: await issueSigningKey(secrets, tenantId, rows) };
}

/** Shows the signing key of a webhook once, or rotates it. */
export const issueWebhookKey = operation({
  ...issuing,
  path: '/api/webhooks/{id}/signing-key',
  id: 'issueSigningKey',
  summary: 'Show the signing key of a webhook, once, or rotate it',
  params: byId,
  work: (db, input, context) => issueKey(db, input.params.id, input, context),
});

/** Shows the signing key of all callback URLs once, or rotates it. */
export const issueCallbackKey = operation({
  ...issuing,
  path: '/api/callbacks/signing-key',
  id: 'issueCallbackSigningKey',
  summary: 'Show the signing key of all callback URLs, once, or rotate it',
  work: (db, input, context) => issueKey(db, null, input, context),
});
