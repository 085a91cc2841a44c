import { HowdahError } from './errors.ts';

// Maximum sizes of what Howdah makes from the texts of callers. Each of these texts has a maximum
// size, but their product has none: a template with a thousand placeholders, filled for each item
// of a list. Sizes are counted before a text is made. docs/limits.md lists these numbers.

/**
 * Maximum bytes of a text that a template makes, and of the task of a member. Equal to the maximum
 * of the input of a run.
 */
export const MAX_TEXT_BYTES = 1_048_576;
/** Maximum bytes of the answers of members that are joined to one answer. */
export const MAX_JOINED_BYTES = 16 * 1_048_576;
/** Maximum bytes of all tasks that one run gives to its members. */
export const MAX_TASKS_BYTES = 64 * 1_048_576;
/** Maximum bytes of one commit of a run: its steps, messages, members and result. */
export const MAX_COMMIT_BYTES = 64 * 1_048_576;

/** A text, or several, that would be larger than Howdah makes them. */
export class SizeLimitError extends HowdahError {
  constructor(what: string, max_bytes: number) {
    super('HWINV', `${what} would have more than ${max_bytes} bytes`, {
      hint: 'Use smaller texts or fewer placeholders, or give agents a file that they read.',
      detail: { limit: 'bytes', max_bytes },
    });
  }
}
