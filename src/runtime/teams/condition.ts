import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { evaluateAllCel, firstCelFault } from '../environment/cel.ts';
import type { CelResult } from '../environment/cel-program.ts';
import type { MemberTask } from './tasks.ts';

export type Verdict = { ok: true; value: boolean } | { ok: false; message: string };

/** Maximum numbers of edges, as `howdah.workflow_schema` and its check bound them too. */
export const MAX_EDGES = 1_000;
export const MAX_EDGES_OF_NODE = 200;
/** Maximum number of characters of all conditions of a workflow. */
export const MAX_CONDITION_CHARACTERS = 100_000;

/** Variables by task and member. A task is the same object in each attempt of its strategy. */
const variablesOf = new WeakMap<MemberTask, Map<string, JsonObject>>();

/**
 * Evaluates a condition on the answer of a member. The condition is an expression of CEL over
 * `output` (the text of the answer), `data` (the answer as data) and `member` (the name of the
 * member). The condition reaches nothing outside. A condition that takes too long is not decided.
 */
export function isConditionTrue(condition: string, task: MemberTask, member: string): Verdict {
  return areConditionsTrue([condition], task, member)[0] as Verdict;
}

/** Evaluates conditions on the same answer, in their order, up to the first that is not decided. */
export function areConditionsTrue(
  conditions: readonly string[],
  task: MemberTask,
  member: string,
): readonly Verdict[] {
  const known = variablesOf.get(task) ?? new Map<string, JsonObject>();
  variablesOf.set(task, known);
  const variables = known.get(member) ?? { output: task.output, data: task.data, member };
  known.set(member, variables);
  const results = evaluateAllCel(
    conditions,
    variables,
    (result) => 'value' in result && typeof result.value !== 'boolean',
  );
  return results.map((result, at) => verdictOf(conditions[at] as string, result));
}

function verdictOf(condition: string, decided: CelResult): Verdict {
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

/** A condition in the configuration of a workflow. */
type Condition = { field: string; text: string };

/** Returns the conditions in a configuration. */
function conditionsIn({ stop_when, edges }: JsonObject): Condition[] {
  const all: [field: string, condition: Json | undefined][] = [
    ['configuration.stop_when', stop_when],
    ...(Array.isArray(edges) ? edges : [])
      .filter(isJsonObject)
      .map(({ when }, at): [string, Json | undefined] => [`configuration.edges[${at}].when`, when]),
  ];
  return all.flatMap(([field, text]) => (typeof text === 'string' ? [{ field, text }] : []));
}

/**
 * Returns the field and the fault of the first condition that cannot be evaluated. The conditions
 * of a large workflow are parsed in a thread within `withOffload`.
 */
export function findConditionFault(
  configuration: JsonObject,
): { field: string; fault: string } | undefined {
  const conditions = conditionsIn(configuration);
  const found = firstCelFault(conditions.map(({ text }) => text));
  const condition = found && conditions[found.at];
  if (!condition) return undefined;
  const fault = `${condition.text} is not a valid CEL expression: ${found.fault}`;
  return { field: condition.field, fault };
}

/**
 * Returns why a configuration has too many edges or conditions to be run. Such configurations are
 * refused when they are written; earlier releases stored them.
 */
export function excessOf(configuration: JsonObject): string | undefined {
  const edges = (Array.isArray(configuration.edges) ? configuration.edges : []).filter(
    isJsonObject,
  );
  const fromNode = Map.groupBy(edges, ({ from }) => String(from));
  const most = Math.max(0, ...[...fromNode.values()].map(({ length }) => length));
  const characters = conditionsIn(configuration).reduce((sum, { text }) => sum + text.length, 0);
  if (edges.length > MAX_EDGES)
    return `the graph has ${edges.length} edges of at most ${MAX_EDGES}`;
  if (most > MAX_EDGES_OF_NODE) {
    return `a node has ${most} outgoing edges of at most ${MAX_EDGES_OF_NODE}`;
  }
  if (characters <= MAX_CONDITION_CHARACTERS) return undefined;
  return `the conditions have ${characters} characters of at most ${MAX_CONDITION_CHARACTERS}`;
}

/**
 * Refuses the configuration of a workflow with a condition that cannot be evaluated. Throws `HWINV`
 * with the field.
 */
export function refuseUnreadableConditions(configuration: JsonObject): void {
  const found = findConditionFault(configuration);
  if (!found) return;
  throw new HowdahError('HWINV', `${found.field}: ${found.fault}`, {
    hint: "Write a CEL expression over output, data and member, such as output.contains('done').",
    detail: { field: found.field },
  });
}
