import { HowdahError } from '../../contracts/errors.ts';
import type { NamedKind } from '../../db/queries/named-objects.ts';
import { closestNames } from '../../text/closest-names.ts';
import { joinNames } from '../input/resolve-tenant.ts';

/** A kind of rows, with its names for people and the message for no rows. */
export type Named = Readonly<{
  kind: NamedKind;
  /** The singular in sentences, such as `agent`. */
  one: string;
  /** The word that is typed after `howdah`. */
  noun: string;
  empty: string;
  /** The column with the name of a row; `name` by default. */
  key?: string;
  /**
   * The path of the rows in REST; without it the noun has no `--api` (`withApi`). `columns`: those
   * a table shows from REST.
   */
  path?: string;
  columns?: readonly string[];
}>;

/** The noun for agents. Runs belong to agents or workflows, and other nouns refer to them. */
export const AGENTS: Named = {
  kind: 'agents',
  one: 'agent',
  noun: 'agents',
  empty: 'No agents.',
  path: '/api/agents',
  columns: ['id', 'name', 'version', 'is_active', 'description', 'model'],
};
export const WORKFLOWS: Named = {
  kind: 'workflows',
  one: 'workflow',
  noun: 'workflows',
  empty: 'No workflows. Describe them in a file: howdah apply FILE',
  path: '/api/workflows',
  columns: ['id', 'name', 'type', 'version', 'is_active', 'description'],
};

/** Creates the error for a name that is not among `names`. */
export function unknownName(named: Named, name: string, names: readonly string[]): HowdahError {
  const near = closestNames(name, names);
  const meant = near.length > 0 ? `Did you mean ${joinNames(near)}? ` : '';
  return new HowdahError('HWNTF', `there is no ${named.one} '${name}'`, {
    hint: `${meant}List them: howdah ${named.noun} list`,
    detail: { [named.kind]: name },
  });
}
