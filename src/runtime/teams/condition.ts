import { evaluate, parse } from '@marcbachmann/cel-js';
import { isSuspension, type Offloadable, offload } from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import type { Json } from '../../contracts/json.ts';
import type { Task } from './tasks.ts';

/** Patterns and lists in lists may take for ever; anything else takes as long as it is. */
const MAY_NOT_END = /\b(matches|all|exists|exists_one|map|filter)\s*\(/;
/** Most characters of a condition that is evaluated without a thread. */
const SHORT = 1_000;

type Answer = { output: string; data: Json; member: string };
type Decided = { value: boolean } | { type: string } | { fault: string };

const DECIDE: Offloadable<[condition: string, answer: Answer], Decided> = {
  module: moduleBeside('./condition.ts', import.meta.url),
  name: 'decide',
  deadline_ms: 250,
  here: decide,
};
const PARSE: Offloadable<[condition: string], string | undefined> = {
  module: DECIDE.module,
  name: 'parseFault',
  deadline_ms: 250,
  here: parseFault,
};

/**
 * Whether a condition holds for what a member answered: an expression of CEL over `output` (its text), `data` (what it
 * answered as data) and `member` (its name). It reaches nothing outside, and what takes too long is not
 * decided.
 */
export function holds(condition: string, task: Task, member: string): Verdict {
  const answer: Answer = { output: task.output, data: task.data as Json, member };
  const isPlain = condition.length <= SHORT && !MAY_NOT_END.test(condition);
  const decided = isPlain
    ? decide(condition, answer)
    : (unlessLate(() => offload(DECIDE, condition, answer)) ?? { fault: 'it takes too long' });
  if ('value' in decided) return { ok: true, value: decided.value };
  const message =
    'type' in decided ? `gives ${decided.type}, no boolean` : `cannot be decided: ${decided.fault}`;
  return { ok: false, message: `the condition ${condition} ${message}` };
}

/** Evaluates a condition, in this thread or in another one. */
export function decide(condition: string, answer: Answer): Decided {
  try {
    const value = evaluate(condition, answer);
    return typeof value === 'boolean' ? { value } : { type: typeof value };
  } catch (cause) {
    if (isOutOfTime(cause)) throw cause;
    return { fault: firstLine(cause) };
  }
}

/** Returns undefined when the work exceeds its deadline. */
function unlessLate<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const isLate = isOutOfTime(error) || error instanceof ThreadFault;
    if (isSuspension(error) || !isLate) throw error;
    return undefined;
  }
}

/** What is wrong with a condition by itself; undefined when it can be asked. */
export function conditionFault(condition: string): string | undefined {
  const fault =
    condition.length <= SHORT
      ? parseFault(condition)
      : (unlessLate(() => ({ fault: offload(PARSE, condition) })) ?? LATE).fault;
  return fault === undefined ? undefined : `${condition} is no expression of CEL: ${fault}`;
}

const LATE = { fault: 'it takes too long to read' };

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
