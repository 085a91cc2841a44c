import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';
import { camel, namesInGraphql } from './graphql-names.ts';
import { fieldOf, type ResourceType } from './resource-types.ts';

/** Rows that a request for a list asks for. */
export const ROWS = 50;

export type Filter = Readonly<Record<string, string>>;

/** Returns the request of a list in each language that can express its filter. */
export function copyList(type: ResourceType, filter: Filter, root: URL): Forms {
  const conditions = Object.entries(filter);
  const isOfColumns = conditions.every(([name]) => fieldOf(type, name)?.is_column);
  return {
    sql: isOfColumns ? sqlOf(type, conditions, `order by id desc\nlimit ${ROWS}`) : undefined,
    // filters of GraphQL are those that an index serves, so most conditions of REST are none
    graphql: conditions.length === 0 ? listInGraphql(type) : undefined,
    curl: curlOf(type, filter, root),
    cli:
      type.command !== null && conditions.length === 0
        ? `npx howdah ${type.command} list`
        : undefined,
  };
}

/** Returns the request of one row in each language. */
export function copyRow(type: ResourceType, id: string, root: URL): Forms {
  const { one } = namesInGraphql(type);
  const whole = { ...type, list: type.fields.map(({ name }) => name) };
  const curl = new URL(`${type.path}/${id}`, root);
  return {
    sql: sqlOf(whole, [['id', id]], ''),
    graphql: `query {\n  ${one}(id: ${JSON.stringify(id)}) { ${selectionOf(whole)} }\n}`,
    curl: curlCommand(curl),
    cli: type.command === null ? undefined : howdahCommand(`${type.command} show`, [], [id]),
  };
}

function columnsOf(type: ResourceType): string[] {
  const columns = type.list.filter((name) => fieldOf(type, name)?.is_column);
  return [...new Set(['id', ...columns])];
}

function sqlOf(type: ResourceType, conditions: [string, string][], end: string): string {
  const where = conditions.map(([name, value]) => {
    const list = fieldOf(type, name)?.schema.type === 'array';
    return list ? `${quoteSql(value)} = any (${name})` : `${name} = ${quoteSql(value)}`;
  });
  const lines = [
    `select ${columnsOf(type).join(', ')}`,
    `from ${type.table}`,
    where.length > 0 ? `where ${where.join('\n  and ')}` : '',
    end,
  ];
  return `${lines.filter((line) => line !== '').join('\n')};`;
}

function selectionOf(type: ResourceType): string {
  return columnsOf(type).map(camel).join(' ');
}

function listInGraphql(type: ResourceType): string | undefined {
  const { many } = namesInGraphql(type);
  if (many === undefined) return undefined;
  return `query {\n  ${many}(first: ${ROWS}) {\n    nodes { ${selectionOf(type)} }\n    pageInfo { hasNextPage endCursor }\n  }\n}`;
}

function curlOf({ path }: ResourceType, filter: Filter, root: URL): string {
  const url = new URL(path, root);
  for (const [name, value] of Object.entries(filter)) url.searchParams.set(name, value);
  url.searchParams.set('limit', String(ROWS));
  return curlCommand(url);
}
