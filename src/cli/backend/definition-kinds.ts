import { HowdahError } from '../../contracts/errors.ts';
import type { NamedKind } from '../../db/queries/named-objects.ts';
import { closestNames } from '../../text/closest-names.ts';
import { joinNames } from '../../text/join-names.ts';

/** A kind of rows, with its names for people and the message for no rows. */
export type DefinitionKind = Readonly<{
  kind: NamedKind;
  /** The singular in sentences, such as `agent`. */
  singular: string;
  /** The words that are typed after `howdah`. */
  noun: string;
  emptyMessage: string;
  /** The column with the name of a row; `name` by default. */
  nameColumn?: string;
  /** The path of the rows in REST. Without it, the noun has no `--api` (`withApi`). */
  restPath?: string;
  /** The columns of a list from REST. */
  columns?: readonly string[];
  /**
   * The columns that a single row has in addition. With them, a server returns the same rows as a
   * database. Without them, JSON has the rows as REST returns them.
   */
  details?: readonly string[];
}>;

/** The noun for agents. Runs belong to agents or workflows, and other nouns refer to them. */
export const AGENTS: DefinitionKind = {
  kind: 'agents',
  singular: 'agent',
  noun: 'agents',
  emptyMessage: 'No agents.',
  restPath: '/api/agents',
  columns: ['id', 'name', 'version', 'is_active', 'description', 'model'],
};
export const WORKFLOWS: DefinitionKind = {
  kind: 'workflows',
  singular: 'workflow',
  noun: 'dev workflows',
  emptyMessage: 'No workflows. Describe them in a file: howdah apply FILE',
  restPath: '/api/workflows',
  columns: ['id', 'name', 'type', 'version', 'is_active', 'description'],
};

export const USERS: DefinitionKind = {
  kind: 'users',
  singular: 'user',
  noun: 'admin users',
  emptyMessage: 'No users. Create one: howdah admin users create NAME',
  nameColumn: 'username',
  restPath: '/api/users',
  columns: ['id', 'username', 'email', 'role', 'is_active'],
  details: ['created_at', 'updated_at'],
};

/** Creates the error for a name that is not among `names`. */
export function unknownName(
  named: DefinitionKind,
  name: string,
  names: readonly string[],
): HowdahError {
  const near = closestNames(name, names);
  const meant = near.length > 0 ? `Did you mean ${joinNames(near)}? ` : '';
  return new HowdahError('HWNTF', `there is no ${named.singular} '${name}'`, {
    hint: `${meant}List them: howdah ${named.noun} list`,
    detail: { [named.kind]: name },
  });
}
