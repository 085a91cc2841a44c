import { DEFINITION_CAPABILITIES } from './definition-capabilities.ts';
import { camel, list, type Names } from './names.ts';
import type { InterfaceName, Registries } from './registries.ts';
import { RUN_CAPABILITIES } from './run-capabilities.ts';
import { TABLE_CAPABILITIES } from './tables.ts';

/** A row of the table: a task, and the operations of each interface for it. */
export type Capability = { group: string; what: string; by: Record<InterfaceName, string[]> };

const OTHERS = [...DEFINITION_CAPABILITIES, ...RUN_CAPABILITIES];

/** Returns all rows of the table, with the operations that each interface really has. */
export function capabilitiesIn(registries: Registries): Capability[] {
  return [...TABLE_CAPABILITIES, ...OTHERS]
    .map(({ group, what, ...names }) => ({ group, what, by: operationsOf(names, registries) }))
    .filter(({ by }) => Object.values(by).some((names) => names.length > 0));
}

function operationsOf(names: Names, registries: Registries): Capability['by'] {
  const functions = list(names.sql).flatMap((name) => /^howdah\.(\w+)\(\)$/.exec(name)?.[1] ?? []);
  const fields = [...list(names.graphql), ...functions.map(camel)];
  const rest = list(names.rest).filter((name) => registries.REST.has(name));
  const calls = rest.flatMap((name) => registries.callOf.get(name) ?? []);
  return {
    SQL: unique(list(names.sql).filter((name) => registries.SQL.has(name))),
    GraphQL: unique(fields.filter((name) => registries.GraphQL.has(name))),
    REST: unique(rest),
    CLI: unique(list(names.cli).filter((name) => registries.CLI.has(name))),
    TypeScript: unique(
      [...list(names.ts), ...calls].filter((name) => registries.TypeScript.has(name)),
    ),
  };
}

const unique = (names: string[]) => [...new Set(names)];

/**
 * Returns the names in the lists above that no interface has. They are misspelt, or the operation
 * was removed.
 */
export function unknownNames(registries: Registries): string[] {
  return OTHERS.flatMap(({ what, sql, graphql, rest, cli, ts }) =>
    [
      ...list(sql).filter((name) => !registries.SQL.has(name)),
      ...list(graphql).filter((name) => !registries.GraphQL.has(name)),
      ...list(rest).filter((name) => !registries.REST.has(name)),
      ...list(cli).filter((name) => !registries.CLI.has(name)),
      ...list(ts).filter((name) => !registries.TypeScript.has(name)),
    ].map((name) => `${what}: ${name}`),
  );
}
