import { HowdahError } from '../../contracts/errors.ts';
import type { CommandResource } from '../../resources/resource.ts';
import { closestNames } from '../../text/closest-names.ts';
import { joinNames } from '../../text/join-names.ts';

/** Returns the column with the name of a row. */
export const nameColumnOf = ({ command: { name = 'name' } }: CommandResource): string => name;

/** Creates the error for a name that is not among `names`. */
export function unknownName(
  { one, table, command }: CommandResource,
  name: string,
  names: readonly string[],
): HowdahError {
  const near = closestNames(name, names);
  const meant = near.length > 0 ? `Did you mean ${joinNames(near)}? ` : '';
  return new HowdahError('HWNTF', `there is no ${one} '${name}'`, {
    hint: `${meant}List them: howdah ${command.noun} list`,
    detail: { [table]: name },
  });
}

/** Returns the row of a name, if any. Throws `EUSAGE` with the ids if several rows have it. */
export function onlyRow<Row extends { id: string }>(
  resource: CommandResource,
  name: string,
  rows: readonly Row[],
): Row | undefined {
  if (rows.length < 2) return rows[0];
  const { one, many, command } = resource;
  const ids = rows.map(({ id }) => id).toSorted();
  const what = `the ${nameColumnOf(resource)} '${name}'`;
  throw new HowdahError('EUSAGE', `${rows.length} ${many} have ${what}`, {
    hint: `Use the id of one ${one}: ${joinNames(ids)}. List them: howdah ${command.noun} list`,
    detail: { ids },
  });
}

/**
 * Returns a function that throws an error again, with this hint if something was not found. The
 * hints of a database name tables, and those of a server name paths.
 */
export const hintIfNotFound = (hint: string) => (error: unknown) => {
  const { code, message, detail = {} } = error as HowdahError;
  if (code !== 'HWNTF') throw error;
  throw new HowdahError(code, message, { hint, detail, cause: error });
};
