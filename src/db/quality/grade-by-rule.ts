import { callPrivate, type Pool } from '../connection/pool.ts';

/** A grading rule, and the time since which it is due. */
export type DueRule = { id: string; tenant_id: string; due_at: string };

/** Why a rule graded nothing, as in `grading_rules.last_error`. */
export type RuleRefusal = { code: string; message: string };

/**
 * Starts the evaluations of a rule, unless it was done since it is due. Returns why it graded
 * nothing, or null.
 */
export function gradeByRule(
  pool: Pool,
  { id, tenant_id, due_at }: DueRule,
): Promise<RuleRefusal | null> {
  return callPrivate<RuleRefusal | null>(pool, 'grade_by_rule', id, tenant_id, due_at);
}
