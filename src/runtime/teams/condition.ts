import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { celFault, evaluateCel } from '../environment/cel.ts';
import type { MemberTask } from './tasks.ts';

type Verdict = { ok: true; value: boolean } | { ok: false; message: string };

/**
 * Evaluates a condition on the answer of a member. The condition is an expression of CEL over
 * `output` (the text of the answer), `data` (the answer as data) and `member` (the name of the
 * member). The condition reaches nothing outside. A condition that takes too long is not decided.
 */
export function isConditionTrue(condition: string, task: MemberTask, member: string): Verdict {
  const decided = evaluateCel(condition, {
    output: task.output,
    data: task.data as Json,
    member,
  });
  if ('fault' in decided) {
    return {
      ok: false,
      message: `the condition ${condition} cannot be evaluated: ${decided.fault}`,
    };
  }
  if (typeof decided.value === 'boolean') return { ok: true, value: decided.value };
  const message = `the condition ${condition} returns ${typeof decided.value} instead of a boolean`;
  return { ok: false, message };
}

/**
 * Returns what is wrong with a condition by itself, or undefined when the condition can be
 * evaluated.
 */
export function conditionFault(condition: string): string | undefined {
  const fault = celFault(condition);
  return fault === undefined ? undefined : `${condition} is not a valid CEL expression: ${fault}`;
}

/**
 * Refuses the configuration of a workflow with a condition that cannot be evaluated. Throws `HWINV`
 * with the field.
 */
export function refuseUnreadableConditions({ stop_when, edges }: JsonObject): void {
  const conditions: [field: string, condition: Json | undefined][] = [
    ['configuration.stop_when', stop_when],
    ...(Array.isArray(edges) ? edges : [])
      .filter(isJsonObject)
      .map(({ when }, at): [string, Json | undefined] => [`configuration.edges[${at}].when`, when]),
  ];
  for (const [field, condition] of conditions) {
    const fault = typeof condition === 'string' ? conditionFault(condition) : undefined;
    if (fault === undefined) continue;
    throw new HowdahError('HWINV', `${field}: ${fault}`, {
      hint: "Write a CEL expression over output, data and member, such as output.contains('done').",
      detail: { field },
    });
  }
}
