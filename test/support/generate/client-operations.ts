import type { JsonObject } from '../../../src/json/json.ts';

/** The part of JSON Schema that the description of the REST API uses. */
type Schema = {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  description?: string;
};
type Content = Record<string, { schema?: Schema }>;
type Operation = {
  operationId: string;
  summary: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { content?: Content }>;
};

/**
 * Renders the operations of an OpenAPI document as types and a table, for src/client, which imports
 * no server code.
 */
export function clientOperations(document: JsonObject): string {
  const { paths, components } = document as unknown as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Schema> };
  };
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { responses }]) => !isStreamOnly(responses))
      .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const named = Object.entries(components.schemas).filter(([name]) => !name.startsWith('Socket'));
  return [
    '// Generated from the routes of src/api/rest: npm run generate. Parameters and responses of the REST API, by operation.',
    '',
    ...named.map(([name, schema]) => `export type ${name} = ${typeOf(schema)};\n`),
    'export type Operations = {',
    ...all.map(({ operation }) => `  /** ${operation.summary}. */\n${entryOf(operation)}`),
    '};',
    '',
    '/** The method and path of each. */',
    'export const operations = {',
    ...all.map(({ path, method, operation }) => {
      const own = [method, path, ...mediaTypeOf(operation)].map((one) => `'${one}'`).join(', ');
      return `  ${operation.operationId}: [${own}],`;
    }),
    '} as const satisfies Record<keyof Operations, readonly [method: string, path: string, type?: string]>;',
    '',
  ].join('\n');
}

const EVENTS = 'text/event-stream';

/** Returns whether an operation is only a stream or a WebSocket, to which clients subscribe. */
function isStreamOnly(responses: Operation['responses']): boolean {
  const good = Object.entries(responses).filter(([status]) => /^2/.test(status));
  return responses['101'] !== undefined || good.every(([, { content }]) => content?.[EVENTS]);
}

function entryOf({ operationId, parameters = [], requestBody, responses }: Operation): string {
  const params = parameters.filter((one) => one.in === 'path');
  const query = parameters.filter((one) => one.in === 'query');
  const members = [
    ...(params.length > 0 ? [`params: ${fieldsOf(params)}`] : []),
    ...(query.length > 0 ? [`query${query.some(isRequired) ? '' : '?'}: ${fieldsOf(query)}`] : []),
    ...(requestBody
      ? [`body${requestBody.required ? '' : '?'}: ${unionOf(typesIn(requestBody.content))}`]
      : []),
  ];
  const successful = Object.entries(responses).filter(
    ([status, { content }]) => /^2/.test(status) && !content?.[EVENTS],
  );
  const resultTypes = successful.flatMap(([, { content }]) =>
    content ? typesIn(content) : ['null'],
  );
  return `  ${operationId}: { takes: { ${members.join('; ')} }; gives: ${unionOf(resultTypes)} };`;
}

/** Returns the media type of a request body, unless JSON is the only one. */
function mediaTypeOf({ requestBody }: Operation): string[] {
  const types = Object.keys(requestBody?.content ?? {});
  return types.includes('application/json') && types.length === 1 ? [] : types.slice(0, 1);
}

const isRequired = ({ required }: { required?: boolean }) => required === true;

function fieldsOf(parameters: NonNullable<Operation['parameters']>): string {
  const fields = parameters.map(
    (one) => `${quoted(one.name)}${one.required ? '' : '?'}: ${typeOf(one.schema)}`,
  );
  return `{ ${fields.join('; ')} }`;
}

/** Returns the types of a body. A body that is not JSON is a string. */
function typesIn(content: Content): string[] {
  return Object.entries(content).map(([type, { schema }]) =>
    type === 'application/json' && schema ? typeOf(schema) : 'string',
  );
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return unionOf(schema.enum.map((one) => JSON.stringify(one)));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return unionOf(choices.map(typeOf));
  if (schema.allOf) return schema.allOf.map((one) => `(${typeOf(one)})`).join(' & ');
  if (Array.isArray(schema.type)) {
    return unionOf(schema.type.map((type) => typeOf({ ...schema, type })));
  }
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return `(${typeOf(schema.items ?? {})})[]`;
    case 'object':
      return objectOf(schema);
    default:
      return 'unknown';
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema): string {
  const fields = Object.entries(properties).map(
    ([name, one]) => `${quoted(name)}${required.includes(name) ? '' : '?'}: ${typeOf(one)}`,
  );
  if (fields.length > 0) return `{ ${fields.join('; ')} }`;
  const of = typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown';
  return `{ [name: string]: ${of} }`;
}

function unionOf(types: string[]): string {
  const parts = [...new Set(types)];
  return parts.includes('unknown') ? 'unknown' : parts.join(' | ');
}

function quoted(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}
