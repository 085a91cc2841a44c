import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { gradeByRule } from '../../src/db/quality/grade-by-rule.ts';
import { gradeByRulePayload } from '../payloads.ts';

/**
 * Creates the task that starts the evaluations of a grading rule that is due. A refusal is stored
 * on the rule, which tries again the next time. A temporary fault fails the job, which is repeated.
 */
export function gradeByRuleTask(pool: Pool, log: Logger): Task {
  return async (payload) => {
    const rule = gradeByRulePayload.parse(payload);
    const refusal = await gradeByRule(pool, rule);
    if (!refusal) return;
    const { id, tenant_id } = rule;
    log.warn(
      { grading_rule_id: id, tenant_id, code: refusal.code, reason: refusal.message },
      'a grading rule graded nothing',
    );
  };
}
