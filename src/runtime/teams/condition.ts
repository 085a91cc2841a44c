import { evaluate, parse } from '@marcbachmann/cel-js';
import { isOutOfTime, withinTime } from '../../concurrency/within-time.ts';
import type { Json } from '../../contracts/json.ts';
import type { Task } from './tasks.ts';

/** As long as one condition may keep all other runs of this process waiting. */
const DECIDE_MS = 250;
/** Patterns and lists in lists may take for ever; anything else takes as long as it is. */
const MAY_NOT_END = /\b(matches|all|exists|exists_one|map|filter)\s*\(/;

/**
 * Whether a condition holds for what a member answered: an expression of CEL over `output` (its text), `data` (what it
 * answered as data) and `member` (its name). It reaches nothing outside, and what takes too long is not
 * decided.
 */
export function holds(condition: string, task: Task, member: string): Verdict {
  try {
    const decide = () =>
      evaluate(condition, { output: task.output, data: task.data as Json, member });
    const value = MAY_NOT_END.test(condition) ? withinTime(DECIDE_MS, decide) : decide();
    return typeof value === 'boolean'
      ? { ok: true, value }
      : { ok: false, message: `the condition ${condition} gives ${typeof value}, no boolean` };
  } catch (cause) {
    const message = isOutOfTime(cause)
      ? 'it takes too long'
      : (cause as Error).message.split('\n', 1)[0];
    return { ok: false, message: `the condition ${condition} cannot be decided: ${message}` };
  }
}

/** What is wrong with a condition by itself; undefined when it can be asked. */
export function conditionFault(condition: string): string | undefined {
  try {
    parse(condition);
    return undefined;
  } catch (cause) {
    return `${condition} is no expression of CEL: ${(cause as Error).message.split('\n', 1)[0]}`;
  }
}

type Verdict = { ok: true; value: boolean } | { ok: false; message: string };
