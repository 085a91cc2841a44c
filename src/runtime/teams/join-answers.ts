import type { Action } from '../../contracts/runs/action.ts';
import type { Json } from '../../json/json.ts';
import { finish, type Task } from './tasks.ts';

/** A member by its name, and what came of its task. */
export type NamedTask = { name: string; task: Task };

/** The answers under their names, one after the other. */
export function joinAnswers(named: readonly NamedTask[]): string {
  return named.map(({ name, task }) => `${name}:\n${task.output}`).join('\n\n');
}

/** One answer is the whole one; several are joined. */
export function answerOf(named: readonly NamedTask[]): Action {
  const [first, second] = named;
  return first && !second
    ? finish(first.task.output, first.task.data)
    : finish(
        joinAnswers(named),
        Object.fromEntries(named.map(({ name, task }) => [name, resultOf(task)])),
      );
}

export function resultOf({ output, data }: Task): Json {
  return data ?? output;
}
