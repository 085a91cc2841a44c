import { tableOf } from './resource-types.ts';

/** Returns a name in the case of GraphQL. */
export function camel(name: string): string {
  return name.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

/** Returns the fields of GraphQL for one row and for a list of a table. */
export function namesInGraphql(type: { table: string }): { one: string; many: string } {
  const many = camel(tableOf(type));
  const one = many.endsWith('ies') ? `${many.slice(0, -3)}y` : many.replace(/s$/, '');
  return { one, many };
}
