import type { HookEvent, HookEventName } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { stringifyJson } from '../../json/stringify-json.ts';

/** Result of calling a hook: its raw answer, its refusal, or its failure. */
export type HookAnswer =
  | { did: 'answer'; answer: unknown }
  | { did: 'refuse'; message: string }
  | { did: 'fail'; message: string; cause?: JsonObject };

/** A hook of this process or of the database. */
export type CallableHook = {
  /** Name in error messages, for example `shop.check`. */
  name: string;
  event: HookEventName;
  call(event: HookEvent): Promise<HookAnswer>;
};

/** Hooks to which a draft is shown, in order. */
export type HookSet = {
  of(event: HookEventName): readonly CallableHook[];
  /** Marks the point to which `undo` takes back what hooks wrote. */
  mark(): Promise<void>;
  undo(): Promise<void>;
};

/** Checked answer of a hook. */
export type HookVerdict =
  | { did: 'allow'; annotate: JsonObject; arguments?: JsonObject }
  /** `error` names the hook: a refusal has the code `rejected`, a failure `internal`. */
  | { did: 'refuse'; error: RunError }
  | { did: 'fail'; error: RunError };

/** Verdict that does not allow the step or the event. */
export type Objection = Exclude<HookVerdict, { did: 'allow' }>;

/** Calls a hook and reads its answer. */
export async function callHook(hook: CallableHook, event: HookEvent): Promise<HookVerdict> {
  const answer = await hook.call(event);
  switch (answer.did) {
    case 'refuse':
      return { did: 'refuse', error: errorOf(hook, 'rejected', answer.message) };
    case 'fail':
      return hookFailure(hook, answer.message, answer.cause);
    case 'answer':
      return readVerdict(hook, answer.answer);
  }
}

/** Creates the verdict of a hook that failed, with an error that names the hook. */
export function hookFailure(hook: CallableHook, message: string, cause?: JsonObject): HookVerdict {
  const sentence = `the hook ${hook.name} (${hook.event}) failed: ${message}`;
  return { did: 'fail', error: errorOf(hook, 'internal', sentence, cause) };
}

function errorOf(
  hook: CallableHook,
  code: 'rejected' | 'internal',
  message: string,
  cause: JsonObject = {},
): RunError {
  const where: Json = { hook: hook.name, event: hook.event, ...cause };
  return { code, message, retryable: false, cause: where };
}

function readVerdict(hook: CallableHook, answer: unknown): HookVerdict {
  if (answer === null || answer === undefined || answer === '') {
    return { did: 'allow', annotate: {} };
  }
  const known = hook.event === 'tool_before' ? ['annotate', 'arguments'] : ['annotate'];
  const plain = asJson(answer);
  if (!isJsonObject(plain)) {
    return hookFailure(hook, `it must return nothing or an object, not ${JSON.stringify(plain)}`);
  }
  const wrong = Object.entries(plain).find(
    ([key, value]) => !known.includes(key) || !isJsonObject(value),
  );
  if (wrong) {
    const [key] = wrong;
    const fault = known.includes(key) ? 'is not an object' : 'is unknown';
    return hookFailure(
      hook,
      `"${key}" in its answer ${fault}; the answer may contain ${known.join(' and ')}`,
    );
  }
  const { annotate, arguments: args } = plain as Record<string, JsonObject | undefined>;
  return { did: 'allow', annotate: annotate ?? {}, ...(args ? { arguments: args } : {}) };
}

/**
 * Converts an answer to JSON, because hooks in TypeScript may return anything. Returns undefined
 * when that is not possible.
 */
function asJson(answer: unknown): Json | undefined {
  try {
    return parseJson(stringifyJson(answer) ?? 'null');
  } catch {
    return undefined;
  }
}

/**
 * Returns the error of a run that a hook ends. The error of a refusal names the hook, as the error
 * of a failure does.
 */
export function refusalError(verdict: Objection, what: string): RunError {
  const { did, error } = verdict;
  const { hook, event } = error.cause as { hook: string; event: string };
  return did === 'fail'
    ? error
    : { ...error, message: `the hook ${hook} (${event}) refused ${what}: ${error.message}` };
}
