import {
  buildClientSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  type IntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import type { Json } from '../../../../src/json/json.ts';
import { type Endpoint, httpEndpoint, UNKNOWN_ID, wholeBody } from './endpoint.ts';
import { filterBodies } from './graphql-filters.ts';

type Operation = 'query' | 'mutation';
type Field = GraphQLField<unknown, unknown>;

/** Lists the queries and mutations with arguments, as introspection describes them. */
export async function graphqlEndpoints(url: string, token: string): Promise<Endpoint[]> {
  const schema = await introspect(url, token);
  const fields: [Operation, Field][] = [
    ...Object.values(schema.getQueryType()?.getFields() ?? {}).map((field): [Operation, Field] => [
      'query',
      field,
    ]),
    ...Object.values(schema.getMutationType()?.getFields() ?? {}).map(
      (field): [Operation, Field] => ['mutation', field],
    ),
  ];
  return fields
    .filter(([, { args }]) => args.length > 0)
    .map(([operation, field]) => fieldEndpoint(url, schema, operation, field));
}

async function introspect(url: string, token: string): Promise<GraphQLSchema> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: getIntrospectionQuery() }),
  });
  const { data } = (await response.json()) as { data: IntrospectionQuery };
  return buildClientSchema(data);
}

function fieldEndpoint(
  url: string,
  schema: GraphQLSchema,
  operation: Operation,
  field: Field,
): Endpoint {
  const used = field.args.filter(
    ({ type }) => operation === 'mutation' || isNonNullType(type) || selectsRows(type),
  );
  const declared = used.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const query = `${operation} (${declared}) {
        ${field.name}${passed === '' ? '' : `(${passed})`} ${
          'getFields' in getNamedType(field.type) ? '{ __typename }' : ''
        } }`;
  const variables = Object.fromEntries(used.map(({ name, type }) => [name, inputValue(type)]));
  const filter = used.find(({ name }) => name === 'filter');
  return {
    ...httpEndpoint(url, { path: '/graphql', templates: wholeBody({ query, variables }) }),
    name: `GraphQL ${operation} ${field.name}`,
    ownBodies: filter ? filterBodies(schema, field.name, filter.type) : [],
  };
}

/** Checks for filters, orders and conditions: they select the rows of a list. */
function selectsRows(type: GraphQLInputType): boolean {
  const named = getNamedType(type);
  return isInputObjectType(named) || (isEnumType(named) && isListType(type));
}

/** Makes an accepted value of an input type. */
function inputValue(type: GraphQLInputType, level = 0): Json {
  if (isNonNullType(type)) return inputValue(type.ofType as GraphQLInputType, level);
  if (isListType(type)) return [inputValue(type.ofType as GraphQLInputType, level + 1)];
  if (isEnumType(type)) return type.getValues()[0]?.value ?? null;
  if (isInputObjectType(type)) {
    if (level > 4) return {};
    const fields = Object.values(type.getFields());
    const some =
      level === 0
        ? fields
        : fields.filter((field) => isNonNullType(field.type) || level < 3).slice(0, 6);
    return Object.fromEntries(some.map((field) => [field.name, inputValue(field.type, level + 1)]));
  }
  switch (type.name) {
    case 'Int':
    case 'Float':
    case 'BigInt':
      return 1;
    case 'Boolean':
      return false;
    case 'UUID':
      return UNKNOWN_ID;
    case 'JSON':
      return {};
    case 'Datetime':
      return '2030-01-01T00:00:00Z';
    default:
      return 'x';
  }
}
