import { HowdahError } from '../../contracts/errors.ts';
import { findExecutionRow, type Queries } from '../../db/queries/queries.ts';

/** Checks the form of an execution id before the database is queried. */
export function executionId(text: string): string {
  return uuidOf(text, 'an execution', ' List them: howdah runs');
}

/** Checks the form of a question id before the database is queried. */
export function questionId(text: string): string {
  return uuidOf(text, 'a question', ' List them: howdah questions');
}

/**
 * Returns the id if the execution exists. Throws `HWNTF` with the command that lists executions.
 */
export async function requireExecution(db: Queries, id: string): Promise<string> {
  if (!(await findExecutionRow(db, id))) throw notFound(id);
  return id;
}

/** Returns the id if the session exists, in the tenant if one is named. Throws `HWNTF`. */
export async function requireSession(db: Queries, id: string, tenantId?: string): Promise<string> {
  const found = await db
    .selectFrom('sessions')
    .select('id')
    .where('id', '=', id)
    .$if(tenantId !== undefined, (query) => query.where('tenant_id', '=', tenantId ?? ''))
    .executeTakeFirst();
  if (found) return id;
  throw noSession(id);
}

/** Creates the error for an unknown session. */
export function noSession(id: string): HowdahError {
  return new HowdahError('HWNTF', `there is no session ${id}`, {
    hint: 'The session of a run is its session_id: howdah show ID --json',
    detail: { session_id: id },
  });
}

/** Returns whether a text has the form of an id. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** Checks the form of an id and returns it in lower case. */
export function uuidOf(text: string, what: string, hint = ''): string {
  if (!isUuid(text)) {
    throw new HowdahError('EUSAGE', `${text} is not the id of ${what}`, {
      hint: `An id looks like 01a1f805-7e9f-729f-9dc6-14d018338ca2.${hint}`,
    });
  }
  return text.toLowerCase();
}

/** Creates the error for an unknown execution id. */
export function notFound(id: string): HowdahError {
  return new HowdahError('HWNTF', `there is no execution ${id}`, {
    hint: 'List them: howdah runs',
    detail: { execution_id: id },
  });
}

/** Creates the error for a caller without any run. */
export function noRunYet(): HowdahError {
  return new HowdahError('HWNTF', 'you have no run yet', {
    hint: 'Start one: howdah run AGENT MESSAGE. To use the run of another user, name its id: howdah runs',
  });
}
