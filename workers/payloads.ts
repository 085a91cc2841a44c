import { z } from 'zod';

/** The tenant of a job. Jobs of an earlier release have none and share one part. */
const tenantOfJob = z.union([z.uuid(), z.literal('')]).default('');

/** What the job `advance` carries: which run to wake. */
export const advancePayload = z.object({ id: z.uuid() });

/** Payload of the job `admit`: the limit that may have room, and for a limit of keys the key. */
export const admitPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  subject_id: z.guid().nullish(), // a hash of a concurrency key, without the bits of a version
});

/** Payload of the job `recount_limit`: a new limit, and the transaction after which all others see it. */
export const recountLimitPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  after: z.string().regex(/^\d+$/).optional(),
});

/** What the job `deliver_mail` carries: whose mailbox holds something that its runs may wait for. */
export const deliverMailPayload = z.object({ agent_id: z.uuid(), tenant_id: z.uuid() });

/** What the job `discover_tools` carries: which MCP server to ask, and how often that was tried. */
export const discoverToolsPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  attempt: z.int().positive(),
});

/** What the job `execution_complete` carries: which row of ended_runs. */
export const executionCompletePayload = z.object({ id: z.uuid(), tenant_id: tenantOfJob });

/** What the job `deliver` carries: which webhook delivery is due. */
export const deliverPayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });

/** What the job `write_back` carries: whose answer goes into a watched table. */
export const writeBackPayload = z.object({ id: z.uuid(), tenant_id: tenantOfJob });

/** What the job `check_alert` carries: which alert rule is due. */
export const checkAlertPayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });
