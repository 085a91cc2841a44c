import { HowdahError } from '../contracts/errors.ts';

/** Checks what should be the id of an execution before the database is asked. */
export function executionId(text: string): string {
  return idOf('an execution', 'howdah executions', text);
}

/** Checks what should be the id of a question before the database is asked. */
export function questionId(text: string): string {
  return idOf('a question', 'howdah questions', text);
}

function idOf(what: string, list: string, text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new HowdahError('EUSAGE', `${text} is not the id of ${what}`, {
      hint: `An id looks like 01a1f805-7e9f-729f-9dc6-14d018338ca2. List them: ${list}`,
    });
  }
  return text.toLowerCase();
}

/** The error for an id nobody knows. */
export function notFound(id: string): HowdahError {
  return new HowdahError('HWNTF', `there is no execution ${id}`, {
    hint: 'List them: howdah executions',
    detail: { execution_id: id },
  });
}
