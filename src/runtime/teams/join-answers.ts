import type { Action } from '../../contracts/runs/action.ts';
import { MAX_JOINED_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import type { Json } from '../../json/json.ts';
import type { MemberTask } from './tasks.ts';
import { finishTeam, finishWith } from './team-actions.ts';

/** Task of a member, with the name of the member. */
export type NamedTask = { name: string; task: MemberTask };

/**
 * Joins the answers one after the other, each under the name of its member. Throws SizeLimitError
 * if they have too many bytes.
 */
export function joinAnswers(
  named: readonly NamedTask[],
  maxBytes: number = MAX_JOINED_BYTES,
): string {
  let left = maxBytes;
  for (const { name, task } of named) {
    left -= Buffer.byteLength(name) + Buffer.byteLength(task.output);
    if (left < 0) throw new SizeLimitError('the joined answers of the members', maxBytes);
  }
  return named.map(({ name, task }) => `${name}:\n${task.output}`).join('\n\n');
}

/** Returns the action that ends the workflow: with one answer unchanged, or several joined. */
export function finishWithAnswers(named: readonly NamedTask[]): Action {
  const [first, second] = named;
  return first && !second
    ? finishWith(first.task)
    : finishTeam(
        joinAnswers(named),
        Object.fromEntries(named.map(({ name, task }) => [name, resultOf(task)])),
        named.map(({ task }) => task),
      );
}

export function resultOf({ output, data }: MemberTask): Json {
  return data ?? output;
}
