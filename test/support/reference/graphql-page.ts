import {
  buildSchema,
  type GraphQLField,
  type GraphQLObjectType,
  isInputObjectType,
  isNonNullType,
} from 'graphql';
import { cell, code, codeCell, page, type ReferencePage, table } from './markdown.ts';

/** Renders the fields of the operations of GraphQL, from the schema in SDL. */
export function graphqlPage(sdl: string): ReferencePage {
  const schema = buildSchema(sdl);
  const section = (title: string, type: GraphQLObjectType | null | undefined) => [
    `## ${title}`,
    table(
      ['field', 'arguments', 'type', 'meaning'],
      Object.values(type?.getFields() ?? {})
        .filter(({ name }) => !['node', 'nodeId', 'query', 'id'].includes(name))
        .map(rowOf),
    ),
  ];
  return page('graphql.md', {
    title: 'GraphQL operations',
    source: 'src/api/schema.graphql',
    parts: [
      INTRO,
      ...section('Subscriptions', schema.getSubscriptionType()),
      ...section('Queries', schema.getQueryType()),
      ...section('Mutations', schema.getMutationType()),
    ],
  });
}

const INTRO =
  'Each field of queries, mutations and subscriptions. [GraphQL](../graphql.md) describes filters, pages, errors and limits. ' +
  'The types of rows have the columns of [the tables](tables.md), and GraphiQL at `/graphiql` completes them. Connections ' +
  'also take `first`, `last`, `before`, `after`, `offset`, `orderBy`, `filter` and `condition`, and each mutation ' +
  '`clientMutationId`. The complete schema is in `src/api/schema.graphql` of a checkout.';

/** Arguments of every connection, which the introduction describes. */
const CONNECTION_ARGUMENTS = new Set([
  ...['first', 'last', 'before', 'after', 'offset', 'orderBy', 'filter', 'condition'],
]);

function rowOf(field: GraphQLField<unknown, unknown>): string[] {
  return [
    code(field.name),
    codeCell(argumentsOf(field).join(', ')),
    codeCell(String(field.type)),
    cell(field.description ?? ''),
  ];
}

function argumentsOf({ args, type }: GraphQLField<unknown, unknown>): string[] {
  const isConnection = String(type).endsWith('Connection') || String(type).endsWith('Connection!');
  return args.flatMap(({ name, type: argument }) => {
    if (isConnection && CONNECTION_ARGUMENTS.has(name)) return [];
    const input = isNonNullType(argument) ? argument.ofType : argument;
    if (name !== 'input' || !isInputObjectType(input)) return [`${name}: ${argument}`];
    const fields = Object.values(input.getFields())
      .filter((one) => one.name !== 'clientMutationId')
      .map((one) => `${one.name}: ${one.type}`);
    return [`input: {${fields.join(', ')}}`];
  });
}
