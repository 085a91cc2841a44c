import { z } from 'zod';

/** Payload of the job `advance`: the run to wake. */
export const advancePayload = z.object({ id: z.uuid() });

/** Payload of the job `admit`: the limit that may have room, and for a limit of keys the key. */
export const admitPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  subject_id: z.guid().nullish(), // a hash of a concurrency key, without the bits of a version
});

/**
 * Payload of the job `recount_limit`: a new limit, and the transaction after which all others see
 * it.
 */
export const recountLimitPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  after: z.string().regex(/^\d+$/).optional(),
});

/**
 * Payload of the job `deliver_mail`: the agent whose mailbox contains messages that its runs may
 * wait for.
 */
export const deliverMailPayload = z.object({ agent_id: z.uuid(), tenant_id: z.uuid() });

/** Payload of the job `extract_memories`: a completed run whose agent has a memory policy. */
export const extractMemoriesPayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });

/** Payload of the job `grade_by_rule`: a grading rule, and the time since which it is due. */
export const gradeByRulePayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  due_at: z.string(),
});

/** Payload of the job `discover_tools`: the MCP server to query, and the number of the attempt. */
export const discoverToolsPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  attempt: z.int().positive(),
});

/** Payload of the job `execution_complete`: the row of ended_runs. */
export const executionCompletePayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });

/** Payload of the job `deliver`: the webhook delivery that is due. */
export const deliverPayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });

/**
 * Payload of the jobs `refresh_account` and `revoke_account`: the account or the revocation, and
 * the attempt.
 */
export const accountPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  attempt: z.int().positive().default(1),
});

/** Payload of the job `write_back`: the run whose answer is written into a watched table. */
export const writeBackPayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });

/** Payload of the job `check_alert`: the alert rule that is due. */
export const checkAlertPayload = z.object({ id: z.uuid(), tenant_id: z.uuid() });

/** Payload of the job `test_model`: the test, and the number of the attempt. */
export const testModelPayload = z.object({
  id: z.uuid(),
  tenant_id: z.uuid(),
  attempt: z.int().positive(),
});

/** Payload of the job `embed_query`: the digests of the model and of the query. */
export const embedQueryPayload = z.object({
  tenant_id: z.uuid(),
  model_digest: z.string(),
  digest: z.string(),
});

/** Payload of the job `rerank_query`: the digests of the model, and of query and candidates. */
export const rerankQueryPayload = embedQueryPayload;
