import {
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
} from 'graphql';
import type { Json, JsonObject } from '../../../../src/json/json.ts';
import type { HostileBody } from './bodies.ts';

/** Levels of the deepest filter. */
const MAX_LEVELS = 60;

/** Makes filters over relations, deep and wide, in the document and in variables. */
export function filterBodies(
  schema: GraphQLSchema,
  field: string,
  type: GraphQLInputType,
): HostileBody[] {
  const named = getNamedType(type);
  const relations = relationNames(schema, named.name);
  const inDocument = (filter: string) =>
    JSON.stringify({ query: `{ ${field}(filter: ${filter}) { __typename } }` });
  const inVariables = (filter: Json) =>
    JSON.stringify({
      query: `query ($f: ${named.name}!) { ${field}(filter: $f) { __typename } }`,
      variables: { f: filter },
    });
  return [
    ...[5, 15, MAX_LEVELS].flatMap((levels) => [
      { shape: `a filter ${levels} relations deep`, text: inVariables(deep(relations, levels)) },
      {
        shape: `a filter ${levels} relations deep, in the document`,
        text: inDocument(deepText(relations, levels)),
      },
    ]),
    {
      shape: '4,000 conditions side by side',
      text: inVariables({ and: Array.from({ length: 4_000 }, () => ({})) }),
    },
    { shape: '200 filters of 4 relations', text: inVariables(wide(relations, 200)) },
    { shape: '30 filters of 4 relations', text: inVariables(wide(relations, 30)) },
    {
      shape: 'not in not',
      text: inVariables(
        Array.from({ length: 3_000 }).reduce<JsonObject>((inner) => ({ not: inner }), {}),
      ),
    },
    {
      shape: '30 fields with a filter of 4 relations each',
      text: JSON.stringify({
        query: `query ($f: ${named.name}!) { ${aliases(field, 30)} }`,
        variables: { f: deep(relations, 4) },
      }),
    },
  ];
}

const aliases = (field: string, count: number): string =>
  Array.from({ length: count }, (_, n) => `a${n}: ${field}(filter: $f) { __typename }`).join(' ');

/** Lists `levels` names of relations, from the first on again where there are fewer. */
const chain = (relations: readonly string[], levels: number): string[] =>
  Array.from({ length: levels }, (_, n) => relations[n % Math.max(1, relations.length)] ?? 'id');

const deep = (relations: readonly string[], levels: number): JsonObject =>
  chain(relations, levels).reduceRight<JsonObject>((inner, name) => ({ [name]: inner }), {});

function deepText(relations: readonly string[], levels: number): string {
  const names = chain(relations, levels);
  return `${names.map((name) => `{${name}: `).join('')}{}${'}'.repeat(names.length)}`;
}

const wide = (relations: readonly string[], count: number): JsonObject => ({
  and: Array.from({ length: count }, () => deep(relations, 4)),
});

/** Follows relations from a filter; where two types only refer to each other, back and forth. */
function relationNames(schema: GraphQLSchema, filter: string): string[] {
  const names: string[] = [];
  let current = filter;
  while (names.length < MAX_LEVELS) {
    const type = schema.getType(current);
    if (!isInputObjectType(type)) break;
    const next = Object.values(type.getFields()).find((field) => {
      const inner = getNamedType(field.type);
      return (
        isInputObjectType(inner) &&
        /Filter$/.test(inner.name) &&
        !['and', 'or', 'not'].includes(field.name) &&
        isRelation(inner.name, schema)
      );
    });
    if (!next) break;
    names.push(next.name);
    current = getNamedType(next.type).name;
  }
  return names;
}

/** Tells the filter of a relation from that of a column, which has no filters inside. */
function isRelation(name: string, schema: GraphQLSchema): boolean {
  const type = schema.getType(name);
  return isInputObjectType(type) && ('and' in type.getFields() || 'some' in type.getFields());
}
