import type { RunError } from '../../contracts/errors.ts';

/** Not allowed, not there, a policy that asks itself. */
const NAMING = ['42501', '42P01', '42P17'];

/**
 * Postgres names what a view, a policy or a function behind the query reads, too. A name that is not in the query itself is
 * not told: whoever wrote that may not see it.
 */
export function withoutHiddenNames(error: RunError, sqlstate: string, query: string): RunError {
  if (!NAMING.includes(sqlstate) || namesIn(error.message).every((name) => isIn(name, query))) {
    return error;
  }
  const message = 'the query reads, by a view or a function, what may not be read';
  return { ...error, message, cause: { sqlstate } };
}

/** In quotes; of what is forbidden the last word, which has some only where it needs them. */
function namesIn(message: string): string[] {
  const quoted = [...message.matchAll(/["«“„]([^"»”“]+)["»”“]/g)].map(([, name]) => name as string);
  return quoted.length > 0 ? quoted : [message.split(' ').at(-1) as string];
}

function isIn(name: string, query: string): boolean {
  const last = name.split('.').at(-1) as string;
  return query.toLowerCase().includes(last.toLowerCase());
}
