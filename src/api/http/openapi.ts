import { z } from 'zod';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { AnswerDescription } from '../../operations/operation.ts';
import { releaseVersion } from '../../package-root.ts';
import type { Route } from '../rest/framework/route.ts';

/** The error format of each endpoint that has no format of its own. */
export const PROBLEM = z
  .object({
    type: z.string(),
    title: z.string().describe('The name of the HTTP status'),
    status: z.int(),
    detail: z.string().describe('The message for people'),
    code: z.string().describe('The error code for programs; see sql/ERRORS.md'),
    hint: z.string().optional().describe('How to fix the error'),
    field: z.string().optional().describe('The field with the error'),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457)' });

const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  schema: { type: 'string' },
  description: 'An ETag; the row is changed only if it still has this ETag, else the status is 412',
};

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { type: 'string', maxLength: 255 },
  description:
    'A request repeated with the same key within a day gets the answer of the first request',
};

const EVENTS = 'text/event-stream';
const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  schema: { type: 'string' },
  description: 'The `id` of the last received event; the stream continues after it',
};

/**
 * A path of an endpoint outside REST, described like a route. It may have an error format of its
 * own.
 */
export type EndpointPath = Pick<
  Route,
  'method' | 'path' | 'id' | 'tag' | 'summary' | 'description' | 'params' | 'body' | 'answers'
> & {
  headers?: z.ZodObject;
  /** The address of the specification of the requests, if they are not ours. */
  specification?: string;
  /** The error format; a Problem when absent. */
  error?: AnswerDescription;
  /** The login that the path needs; the token or key of the caller when absent. */
  login?: 'nobody' | 'metrics';
};

/**
 * A path that is a WebSocket. OpenAPI cannot describe its messages, so they are in `x-messages`.
 */
export type SocketPath = Pick<Route, 'path' | 'id' | 'tag' | 'summary' | 'description'> & {
  sends: z.ZodType;
  takes: z.ZodType;
};

type Paths = {
  routes: readonly Route[];
  endpoints?: readonly EndpointPath[];
  sockets?: readonly SocketPath[];
};

/** Describes the paths as OpenAPI 3.1, from the schemas that requests are checked by. */
export function openApi({ routes, endpoints = [], sockets = [] }: Paths): JsonObject {
  const components: JsonObject = {};
  const schemaOf = (schema: z.ZodType) => jsonSchema(schema, components);
  const problem = responseOf(PROBLEM_ANSWER, schemaOf);
  const paths: Record<string, JsonObject> = {};
  for (const one of [...routes, ...endpoints]) {
    paths[one.path] = {
      ...paths[one.path],
      [one.method.toLowerCase()]: operation(one, schemaOf, problem),
    };
  }
  for (const { path, takes, sends, ...named } of sockets) {
    const answers = { 101: { description: 'The connection is open' } };
    const opened = operation({ ...named, path, method: 'GET', answers }, schemaOf, problem);
    const messages = { client: schemaOf(takes), server: schemaOf(sends) };
    paths[path] = { get: { ...opened, 'x-messages': messages } };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Howdah',
      version: releaseVersion(),
      description:
        'Agents, workflows and runs. Every operation runs with the rights of the caller. Rows of other tenants are not visible.',
    },
    security: [{ bearer: [] }],
    tags: [...new Set([...routes, ...endpoints, ...sockets].map(({ tag }) => tag))].map((name) => ({
      name,
      'x-displayName': titleOf(name),
    })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token or an API key' },
        metrics: { type: 'http', scheme: 'bearer', description: 'HOWDAH_METRICS_TOKEN' },
      },
      schemas: components,
    },
  };
}

/** Words of group names that are not written like other words. */
const TITLES: Readonly<Record<string, string>> = {
  a2a: 'A2A',
  'ag-ui': 'AG-UI',
  api: 'API',
  graphql: 'GraphQL',
  mcp: 'MCP',
  openai: 'OpenAI',
};

/** Returns the title of a group: `mcp-servers` is `MCP servers`. */
function titleOf(tag: string): string {
  const [first = '', ...others] = tag in TITLES ? [tag] : tag.split('-');
  const word = TITLES[first] ?? first.charAt(0).toUpperCase() + first.slice(1);
  return [word, ...others].join(' ');
}

type SchemaOf = (schema: z.ZodType) => JsonObject;

const PROBLEM_ANSWER = {
  description: 'An error',
  schema: PROBLEM,
  type: 'application/problem+json',
} as const;
const LOGINS: Readonly<Record<'nobody' | 'metrics', Json>> = {
  nobody: [],
  metrics: [{ metrics: [] }],
};

function operation(
  route: Route & Omit<EndpointPath, keyof Route>,
  schemaOf: SchemaOf,
  problem: JsonObject,
): JsonObject {
  const { id, tag, summary, description, params, query, body, answers } = route;
  const isStream =
    route.method === 'GET' && Object.values(answers).some(({ type }) => type === EVENTS);
  const changes = route.path.endsWith('{id}') && ['PUT', 'PATCH', 'DELETE'].includes(route.method);
  const parameters = [
    ...parametersOf(params, 'path', schemaOf),
    ...parametersOf(query, 'query', schemaOf),
    ...otherNames(parametersOf(query, 'query', schemaOf), route.queryAliases),
    ...parametersOf(route.headers, 'header', schemaOf),
    ...(changes ? [IF_MATCH] : []),
    ...(route.isKeyed ? [IDEMPOTENCY_KEY] : []),
    ...(isStream ? [LAST_EVENT_ID] : []),
  ];
  const types = route.bodyTypes ?? ['application/json'];
  const content =
    body &&
    Object.fromEntries([
      ...types.map((type) => [type, { schema: withAliases(schemaOf(body), route.fieldAliases) }]),
      ...(route.fileTypes ?? []).map((type) => [type, { schema: { contentMediaType: type } }]),
    ]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(route.specification !== undefined && { externalDocs: { url: route.specification } }),
    ...(route.login && { security: LOGINS[route.login] }),
    ...(parameters.length > 0 && { parameters }),
    ...(content && { requestBody: { required: route.isBodyOptional !== true, content } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, one]) => [status, responseOf(one, schemaOf)]),
      ),
      default: route.error ? responseOf(route.error, schemaOf) : problem,
    },
  } as JsonObject;
}

/** Returns the parameters that are other names of some of these. */
function otherNames(parameters: JsonObject[], aliases: Route['queryAliases'] = {}): JsonObject[] {
  return Object.entries(aliases).flatMap(([alias, name]) =>
    parameters
      .filter((one) => one.name === name)
      .map((one) => ({ ...one, name: alias, description: `Another name of \`${name}\`` })),
  );
}

/**
 * Adds the other names of fields to the schema of a body. One name of a required field is enough.
 */
function withAliases(schema: JsonObject, aliases: Route['fieldAliases'] = {}): JsonObject {
  const {
    properties,
    required = [],
    ...rest
  } = schema as {
    properties?: Record<string, JsonObject>;
    required?: string[];
  };
  const names = Object.entries(aliases).filter(
    ([alias, name]) => properties?.[name] !== undefined && properties[alias] === undefined,
  );
  if (names.length === 0) return schema;
  const added = names.map(([alias, name]) => {
    const field = { ...properties?.[name], description: `Another name of \`${name}\`` };
    return [alias, field] as const;
  });
  const others = (name: string) => names.flatMap(([alias, ours]) => (ours === name ? alias : []));
  const choices = required.filter((name) => others(name).length > 0);
  const oneOfEach = choices.map((name) => ({
    anyOf: [name, ...others(name)].map((one) => ({ required: [one] })),
  }));
  return {
    ...rest,
    properties: { ...properties, ...Object.fromEntries(added) },
    required: required.filter((name) => !choices.includes(name)),
    ...(oneOfEach.length > 0 && { allOf: oneOfEach }),
  } as JsonObject;
}

function responseOf(
  { description, schema, type, events }: AnswerDescription,
  schemaOf: SchemaOf,
): JsonObject {
  if (!schema && type === undefined) return { description };
  const content = { [type ?? 'application/json']: schema ? { schema: schemaOf(schema) } : {} };
  const streamed = events && { 'text/event-stream': { schema: schemaOf(events) } };
  return { description, content: { ...content, ...streamed } };
}

function parametersOf(
  schema: z.ZodObject | undefined,
  place: 'path' | 'query' | 'header',
  schemaOf: SchemaOf,
): JsonObject[] {
  if (!schema) return [];
  return Object.entries(schema.shape).map(([name, field]) => {
    const { description, ...rest } = schemaOf(field as z.ZodType);
    const isRequired = place === 'path' || !(field as z.ZodType).safeParse(undefined).success;
    return {
      name,
      in: place,
      ...(isRequired && { required: true }),
      ...(description !== undefined && { description }),
      schema: rest,
    } as JsonObject;
  });
}

/** Converts a schema to JSON Schema. Schemas with a name are added to the components, once. */
function jsonSchema(schema: z.ZodType, components: JsonObject): JsonObject {
  const { properties, $defs = {} } = z.toJSONSchema(z.object({ it: schema }), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.format === 'uuid' || jsonSchema.format === 'date-time')
        delete jsonSchema.pattern;
    },
  }) as unknown as { properties: { it: JsonObject }; $defs?: JsonObject };
  for (const [name, one] of Object.entries($defs))
    components[name] = withComponentRefs(one as JsonObject);
  return withComponentRefs(properties.it);
}

function withComponentRefs(schema: JsonObject): JsonObject {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { id: _, ...rest } = parseJson(text) as JsonObject & { id?: string };
  return rest as JsonObject;
}
