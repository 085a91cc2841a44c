import { evaluate, parse } from '@marcbachmann/cel-js';
import type { Json } from '../../contracts/json.ts';
import type { Task } from './tasks.ts';

/**
 * Whether a condition holds for what a member answered: an expression of CEL over `output` (its text), `data` (what it
 * answered as data) and `member` (its name). CEL ends always and reaches nothing outside.
 */
export function holds(condition: string, task: Task, member: string): Verdict {
  try {
    const value = evaluate(condition, { output: task.output, data: task.data as Json, member });
    return typeof value === 'boolean'
      ? { ok: true, value }
      : { ok: false, message: `the condition ${condition} gives ${typeof value}, no boolean` };
  } catch (cause) {
    const message = (cause as Error).message.split('\n', 1)[0];
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
