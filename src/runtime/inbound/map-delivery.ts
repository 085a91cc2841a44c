import { HowdahError } from '../../contracts/errors.ts';
import { isJsonNumber } from '../../json/exact-number.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { evaluateAllCel, evaluateCel, firstCelFault } from '../environment/cel.ts';

/** The expressions of an inbound hook, over `body` and `headers` of a delivery. */
export type HookExpressions = {
  condition: string | null;
  /** Expressions by the names of MAPPED. */
  mapping: Readonly<Record<string, string>>;
  session_key: string | null;
  debounce_key: string | null;
  /** The expression of the object that the answer is sent with. */
  reply: string | null;
};

/** A delivery, as expressions see it. Headers have lower-case names, and none is a secret. */
export type DeliveryContents = { body: Json; headers: Readonly<Record<string, string>> };

/** The result of the expressions of a hook: a run, nothing, or a fault of one of them. */
export type MappedDelivery =
  | { result: 'accepted'; values: DeliveryValues }
  | { result: 'ignored'; reason: string }
  | { result: 'failed'; field: string; message: string };

/** The values of a run. Those that no expression names are absent. */
export type DeliveryValues = {
  input: string;
  input_data?: Json;
  metadata?: JsonObject;
  reply?: JsonObject;
} & { [Key in TextField]?: string };

type TextField = 'agent' | 'delivery_id' | 'concurrency_key' | 'session_key' | 'debounce_key';
type Fault = { field: string; message: string };

/** Reads the value of one field. Returns undefined for an absent value. */
type ReadValue = (value: Json) => { value: Json | undefined } | { not: string };

const readText: ReadValue = (value) => {
  if (value === null || value === '') return { value: undefined };
  if (typeof value === 'string' || isJsonNumber(value)) return { value: String(value) };
  return { not: 'a text or a number' };
};
const readObject: ReadValue = (value) => {
  if (value === null) return { value: undefined };
  return isJsonObject(value) ? { value } : { not: 'a map' };
};
const readInput: ReadValue = (value) => ({
  value: value === null || typeof value === 'string' ? (value ?? undefined) : JSON.stringify(value),
});
const readData: ReadValue = (value) => ({ value: value ?? undefined });

/** The fields of a run, in the order in which they are evaluated. */
const MAPPED: Readonly<Record<keyof DeliveryValues, ReadValue>> = {
  input: readInput,
  agent: readText,
  input_data: readData,
  metadata: readObject,
  delivery_id: readText,
  concurrency_key: readText,
  session_key: readText,
  debounce_key: readText,
  reply: readObject,
};

/** Variables by delivery, so that code that runs again in `withOffload` finds their results. */
const variablesOf = new WeakMap<DeliveryContents, JsonObject>();

/** Maps a delivery to the values of a run. Expressions that may take long need `withOffload`. */
export function mapDelivery(hook: HookExpressions, delivery: DeliveryContents): MappedDelivery {
  const variables = variablesOf.get(delivery) ?? { body: delivery.body, headers: delivery.headers };
  variablesOf.set(delivery, variables);
  if (hook.condition !== null) {
    const decided = evaluateCel(hook.condition, variables);
    if ('fault' in decided)
      return failedDelivery(faultOf('condition', hook.condition, decided.fault));
    if (typeof decided.value !== 'boolean') {
      return failedDelivery({ field: 'condition', message: 'condition is neither true nor false' });
    }
    if (!decided.value) return { result: 'ignored', reason: 'the condition is false' };
  }
  const values: Record<string, Json> = {};
  const fields = Object.entries(MAPPED).flatMap(([field, read]) => {
    const expression = expressionOf(hook, field);
    return expression === undefined ? [] : [{ field, read, expression }];
  });
  const results = evaluateAllCel(
    fields.map(({ expression }) => expression),
    variables,
  );
  for (const [at, result] of results.entries()) {
    const { field, read, expression } = fields[at] as (typeof fields)[0];
    if ('fault' in result)
      return failedDelivery(faultOf(fieldName(field), expression, result.fault));
    const checked = read(result.value);
    if ('not' in checked) {
      return failedDelivery({
        field: fieldName(field),
        message: `the value of ${fieldName(field)} is not ${checked.not}`,
      });
    }
    if (checked.value !== undefined) values[field] = checked.value;
    else if (field === 'input') return { result: 'ignored', reason: 'the input is null' };
  }
  return { result: 'accepted', values: { input: JSON.stringify(delivery.body), ...values } };
}

/** Refuses a hook with an expression that cannot be parsed. Throws `HWINV` with its field. */
export function refuseUnreadableHook(hook: Partial<HookExpressions>): void {
  const fault = findHookFault(hook);
  if (!fault) return;
  throw new HowdahError('HWINV', fault.message, {
    hint: 'Write a CEL expression over body and headers, such as body.issue.title.',
    detail: { field: fault.field },
  });
}

/** Returns the first expression of a hook that cannot be parsed, with the reason. */
function findHookFault(hook: Partial<HookExpressions>): Fault | undefined {
  const written = ['condition', ...Object.keys(MAPPED)].flatMap((field) => {
    const expression =
      field === 'condition' ? hook.condition : expressionOf({ mapping: {}, ...hook }, field);
    return typeof expression === 'string' ? [{ field, expression }] : [];
  });
  const found = firstCelFault(written.map(({ expression }) => expression));
  const wrong = found && written[found.at];
  return wrong && faultOf(fieldName(wrong.field), wrong.expression, found.fault);
}

/** Fields that are columns of a hook. All others stand in its mapping. */
const COLUMNS = new Set(['session_key', 'debounce_key', 'reply', 'condition']);

function expressionOf(
  hook: Partial<HookExpressions> & Pick<HookExpressions, 'mapping'>,
  field: string,
): string | undefined {
  if (!COLUMNS.has(field)) return hook.mapping[field];
  return hook[field as 'session_key' | 'debounce_key' | 'reply'] ?? undefined;
}

/** Returns the name of a field as people write it in a row. */
function fieldName(field: string): string {
  if (field === 'reply') return 'reply.body';
  return COLUMNS.has(field) ? field : `mapping.${field}`;
}

function faultOf(field: string, expression: string, fault: string): Fault {
  return { field, message: `${field} cannot be evaluated: ${expression}: ${fault}` };
}

function failedDelivery({ field, message }: Fault): MappedDelivery {
  return { result: 'failed', field, message };
}
