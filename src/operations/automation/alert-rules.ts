import { z } from 'zod';
import { useAlerts } from '../../db/operations/alerts.ts';
import { alertRules } from '../../resources/automation/alert-rules.ts';
import { id } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

/** Creates the standard alert rules. */
export const useAlertRules = operation({
  method: 'POST',
  path: `${alertRules.path}/use`,
  id: 'useAlertRules',
  tag: 'alert-rules',
  summary: 'Create the standard alert rules whose names do not exist yet',
  isBodyOptional: true,
  body: z.strictObject({
    webhook_id: id.optional().describe('The webhook that is notified of alerts'),
    webhook: z.string().optional().describe('The url of the webhook, in place of webhook_id'),
  }),
  answers: { 204: { description: 'The rules exist' } },
  async work(db, { body }) {
    const { webhook_id } = await alertRules.valuesOf(body, db);
    await useAlerts(db, webhook_id as string | undefined);
    return { status: 204, body: undefined };
  },
});
