import { evaluate, parse } from '@marcbachmann/cel-js';
import { isSuspension, type Offloadable, offload } from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import type { Json } from '../../json/json.ts';
import type { Task } from './tasks.ts';

/**
 * Calls whose time is not bounded: patterns, and lists in lists. The time of any other condition
 * depends only on its length.
 */
const MAY_NOT_END = /\b(matches|all|exists|exists_one|map|filter)\s*\(/;
/** Maximum length of a condition that is evaluated without a thread, in characters. */
const SHORT = 1_000;

type Answer = { output: string; data: Json; member: string };
type ConditionResult = { value: boolean } | { type: string } | { fault: string };

const DECIDE: Offloadable<[condition: string, answer: Answer], ConditionResult> = {
  module: moduleBeside('./condition.ts', import.meta.url),
  name: 'evaluateCondition',
  deadline_ms: 250,
  callHere: evaluateCondition,
};
const PARSE: Offloadable<[condition: string], string | undefined> = {
  module: DECIDE.module,
  name: 'parseFault',
  deadline_ms: 250,
  callHere: parseFault,
};

/**
 * Evaluates a condition on the answer of a member. The condition is an expression of CEL over
 * `output` (the text of the answer), `data` (the answer as data) and `member` (the name of the
 * member). The condition reaches nothing outside. A condition that takes too long is not decided.
 */
export function isConditionTrue(condition: string, task: Task, member: string): Verdict {
  const answer: Answer = { output: task.output, data: task.data as Json, member };
  const isPlain = condition.length <= SHORT && !MAY_NOT_END.test(condition);
  const decided = isPlain
    ? evaluateCondition(condition, answer)
    : (withinDeadline(() => offload(DECIDE, condition, answer)) ?? {
        fault: 'it takes too long',
      });
  if ('value' in decided) return { ok: true, value: decided.value };
  const message =
    'type' in decided
      ? `returns ${decided.type} instead of a boolean`
      : `cannot be evaluated: ${decided.fault}`;
  return { ok: false, message: `the condition ${condition} ${message}` };
}

/** Evaluates a condition, in this thread or in another one. */
export function evaluateCondition(condition: string, answer: Answer): ConditionResult {
  try {
    const value = evaluate(condition, answer);
    return typeof value === 'boolean' ? { value } : { type: typeof value };
  } catch (cause) {
    if (isOutOfTime(cause)) throw cause;
    return { fault: firstLine(cause) };
  }
}

/** Returns undefined when the work exceeds its deadline. */
function withinDeadline<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const isTimeout = isOutOfTime(error) || error instanceof ThreadFault;
    if (isSuspension(error) || !isTimeout) throw error;
    return undefined;
  }
}

/**
 * Returns what is wrong with a condition by itself, or undefined when the condition can be
 * evaluated.
 */
export function conditionFault(condition: string): string | undefined {
  const fault =
    condition.length <= SHORT
      ? parseFault(condition)
      : (withinDeadline(() => ({ fault: offload(PARSE, condition) })) ?? TOO_SLOW).fault;
  return fault === undefined ? undefined : `${condition} is not a valid CEL expression: ${fault}`;
}

const TOO_SLOW = { fault: 'parsing it takes too long' };

/** Returns why a text is no expression; runs in this thread or in another one. */
export function parseFault(condition: string): string | undefined {
  try {
    parse(condition);
    return undefined;
  } catch (cause) {
    if (isOutOfTime(cause)) throw cause;
    return firstLine(cause);
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0] ?? '';
}

type Verdict = { ok: true; value: boolean } | { ok: false; message: string };
