import { HowdahError } from '../../contracts/errors.ts';
import { joinNames } from '../../text/join-names.ts';

/** Returns the only open question of a run. Throws `HWNTF` for none, and `HWINV` for several. */
export function onlyOpenQuestion(run: string, open: readonly string[]): string {
  const [first, ...others] = open;
  if (first === undefined) {
    throw new HowdahError('HWNTF', `execution ${run} has no open question`, {
      hint: `Show what it waits for: howdah explain ${run}`,
      detail: { execution_id: run },
    });
  }
  if (others.length === 0) return first;
  throw new HowdahError('HWINV', `execution ${run} has more than one open question`, {
    hint: `Name the id of one: ${joinNames(open)}. List them: howdah questions`,
    detail: { execution_id: run, questions: [...open] },
  });
}

/** Creates the error for an unknown question id. */
export function noQuestion(id: string): HowdahError {
  return new HowdahError('HWNTF', `there is no question ${id}`, {
    hint: 'List them: howdah questions',
    detail: { question_id: id },
  });
}
