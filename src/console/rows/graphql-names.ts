import { tableOf } from './resource-types.ts';

/** Returns a name in the case of GraphQL. */
export function camel(name: string): string {
  return name.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

type GraphqlNames = { one: string; many: string | undefined };

/** Tables whose fields in GraphQL have other names. `search` is a function, and has no list. */
const OTHER_NAMES: Readonly<Record<string, GraphqlNames>> = {
  searches: { one: 'knowledgeSearch', many: undefined },
};

/** Returns the fields of GraphQL for one row and for a list of a table, if it has a list. */
export function namesInGraphql(type: { table: string }): GraphqlNames {
  const table = tableOf(type);
  const many = camel(table);
  const one = many.endsWith('ies') ? `${many.slice(0, -3)}y` : many.replace(/s$/, '');
  return OTHER_NAMES[table] ?? { one, many };
}
