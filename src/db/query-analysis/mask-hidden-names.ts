import type { RunError } from '../../contracts/errors.ts';

/** The errors for a missing privilege, a missing table, and a policy that queries itself. */
const NAMING = ['42501', '42P01', '42P17'];

/**
 * Replaces the message of an error that reveals a hidden name. Postgres also names objects that a
 * view, a policy or a function behind the query reads. A name that is not in the query itself is
 * hidden, because the author of the query may not see it.
 */
export function withoutHiddenNames(error: RunError, sqlstate: string, query: string): RunError {
  if (!NAMING.includes(sqlstate) || namesIn(error.message).every((name) => isIn(name, query))) {
    return error;
  }
  const message = 'the query reads, by a view or a function, what may not be read';
  return { ...error, message, cause: { sqlstate } };
}

/**
 * Returns the quoted names of a message. An error for a missing privilege has its name as the last
 * word, with quotes only if the name needs them.
 */
function namesIn(message: string): string[] {
  const quoted = [...message.matchAll(/["«“„]([^"»”“]+)["»”“]/g)].map(([, name]) => name as string);
  return quoted.length > 0 ? quoted : [message.split(' ').at(-1) as string];
}

function isIn(name: string, query: string): boolean {
  const last = name.split('.').at(-1) as string;
  return query.toLowerCase().includes(last.toLowerCase());
}
