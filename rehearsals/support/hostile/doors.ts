import {
  buildClientSchema,
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
import WebSocket from 'ws';
import type { Json, JsonObject } from '../../../src/contracts/json.ts';
import type { GoodBody } from './bodies.ts';

/** The status of an answer: HTTP's, or what stands for it on a WebSocket. */
export type Answer = { status: number };

/** One way a body comes in, with good bodies for it. */
export type Door = {
  name: string;
  goods: readonly GoodBody[];
  /** Where bodies are YAML: `goods` are not looked at. */
  isYaml?: boolean;
  /** Bodies beside those made out of the good one. */
  special?: { what: string; text: string }[];
  send(text: string, token: string): Promise<Answer>;
};

/** What a door may name in its path or body. */
export type Known = { agent: string; ids: Readonly<Record<string, string>> };

/** Stands for a name that nothing has yet. */
const UNIQUE = '@unique';
let names = 0;
const MOST_MS = 120_000;
const NOWHERE = '01900000-0000-7000-8000-000000000000';

/** Every door of a server that takes a body, by its own descriptions. */
export async function allDoors(url: string, token: string, known: Known): Promise<Door[]> {
  return [
    ...(await restDoors(url, known)),
    ...(await graphqlDoors(url, token)),
    ...(await mcpDoors(url, token)),
    ...agentDoors(url, known),
    ...socketDoors(url, known),
  ];
}

/** One body, all of whose parts are made hostile. */
const whole = (body: Json): GoodBody[] => [{ body, at: [] }];

function httpDoor(
  url: string,
  {
    method = 'POST',
    path,
    type = 'application/json',
    ...more
  }: Omit<Door, 'send' | 'name'> & { method?: string; path: string; type?: string; name?: string },
): Door {
  const accept = path === '/mcp' ? 'application/json, text/event-stream' : '*/*';
  return {
    name: `${method} ${path}`,
    ...more,
    async send(text, token) {
      names += 1;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': type, accept },
        body: text.replace(UNIQUE, `x${names}`),
        signal: AbortSignal.timeout(MOST_MS),
      });
      // a stream goes on for as long as its run: its beginning is the answer
      if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
        await response.body?.cancel();
      } else {
        await response.arrayBuffer();
      }
      return { status: response.status };
    },
  };
}

type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
};
type Operation = { requestBody?: { content: Record<string, { schema?: Schema }> } };
type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: Json[];
  const?: Json;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
};

async function restDoors(url: string, known: Known): Promise<Door[]> {
  const api = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  const schemas = api.components?.schemas ?? {};
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) =>
      Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => {
        const isYaml = type.includes('yaml');
        const label = `${method.toUpperCase()} ${path}`;
        return httpDoor(url, {
          name: isYaml ? `${label} as ${type}` : label,
          method: method.toUpperCase(),
          path: filledPath(path, known),
          type,
          isYaml,
          goods: isYaml ? [] : goodBodies(label, schema ?? {}, { schemas, known }),
        });
      }),
    ),
  );
}

/** `/api/agents/{id}` with the id of an agent, `/sessions/{sid}/…` with that of a session. */
function filledPath(path: string, { ids }: Known): string {
  const kind = path.split('/').findLast((_part, index, parts) => parts[index + 1]?.startsWith('{'));
  return path.replaceAll(/\{\w+\}/g, ids[kind ?? ''] ?? NOWHERE);
}

/** What a body needs beside what its schema requires, or where its schema says nothing. */
const NEEDED: Record<string, (known: Known) => JsonObject> = {
  'POST /api/execute': ({ agent }) => ({ agent }),
  'POST /sessions': ({ agent }) => ({ agent }),
  'PUT /sessions/{sid}/agent': ({ agent }) => ({ agent }),
  'POST /api/workflows': ({ agent }) => ({ members: [{ agent }] }),
  'POST /api/models': () => ({ provider: 'local', model: 'local' }),
  'PUT /api/models/{id}': () => ({ provider: 'local', model: 'local' }),
  'POST /api/mcp-servers': () => ({ type: 'http', configuration: { url: 'https://example.com' } }),
  'POST /agent-systems': () => ({
    version: 'v1',
    name: UNIQUE,
    agents: {
      '@unique-desk': { mission: 'x', tools: { allow: ['todo'] }, budget: { max_steps: 2 } },
    },
    workflows: {},
    orchestrator: '@unique-desk',
  }),
  'POST /agent-systems/check': () => ({
    files: [{ name: 'x.yaml', text: 'version: v1\nname: x' }],
  }),
};

/** The least body that is let in, and the same with each of the other properties. */
function goodBodies(label: string, schema: Schema, sampling: Sampling): GoodBody[] {
  const full = sample(schema, sampling) as JsonObject;
  const { required = [] } = resolved(schema, sampling);
  const least: JsonObject = {
    ...Object.fromEntries(required.map((name) => [name, full[name] ?? null])),
    ...NEEDED[label]?.(sampling.known),
  };
  const others = Object.keys(full).filter((name) => !(name in least));
  return [
    { body: least, at: [] },
    ...others.map((name) => ({ body: { ...least, [name]: full[name] ?? null }, at: [name] })),
  ];
}

function resolved(schema: Schema, { schemas }: Sampling): Schema {
  return schema.$ref ? (schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema;
}

type Sampling = { schemas: Record<string, Schema>; known: Known };

/** A value with all properties, so that each can be made hostile. */
function sample(schema: Schema, sampling: Sampling, level = 0, name = ''): Json {
  if (schema.$ref) {
    const to = sampling.schemas[schema.$ref.split('/').at(-1) ?? ''];
    return to && level < 8 ? sample(to, sampling, level + 1, name) : {};
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0] ?? null;
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (choice) return sample(choice, sampling, level + 1, name);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(level < 8 ? (schema.properties ?? {}) : {}).map(([key, one]) => [
          key,
          sample(one, sampling, level + 1, key),
        ]),
      );
    case 'array':
      return [schema.items && level < 8 ? sample(schema.items, sampling, level + 1, name) : 'x'];
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return false;
    case 'string':
      return stringFor(schema, name, sampling.known);
    default:
      return {};
  }
}

function stringFor({ format }: Schema, name: string, { agent, ids }: Known): string {
  if (format === 'uuid' || format === 'guid') return ids[`${name.replace(/_id$/, '')}s`] ?? NOWHERE;
  if (format === 'date-time') return '2030-01-01T00:00:00Z';
  if (format === 'uri' || name === 'url') return 'https://example.com/x';
  if (name === 'name') return UNIQUE;
  return name === 'agent' || name === 'model' ? agent : 'x';
}

async function graphqlDoors(url: string, token: string): Promise<Door[]> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: getIntrospectionQuery() }),
  });
  const { data } = (await response.json()) as { data: IntrospectionQuery };
  const schema = buildClientSchema(data);
  const roots = [
    ...Object.values(schema.getQueryType()?.getFields() ?? {}).map(
      (field) => ['query', field] as const,
    ),
    ...Object.values(schema.getMutationType()?.getFields() ?? {}).map(
      (field) => ['mutation', field] as const,
    ),
  ];
  return roots
    .filter(([, { args }]) => args.length > 0)
    .map(([kind, field]) => {
      const given = field.args.filter(
        ({ type }) => kind === 'mutation' || isNonNullType(type) || isHard(type),
      );
      const query = `${kind} (${given.map(({ name, type }) => `$${name}: ${type}`).join(', ')}) {
        ${field.name}${given.length > 0 ? `(${given.map(({ name }) => `${name}: $${name}`).join(', ')})` : ''} ${
          'getFields' in getNamedType(field.type) ? '{ __typename }' : ''
        } }`;
      const variables = Object.fromEntries(given.map(({ name, type }) => [name, inputValue(type)]));
      return {
        ...httpDoor(url, { path: '/graphql', goods: whole({ query, variables }) }),
        name: `GraphQL ${kind} ${field.name}`,
        special: given.some(({ name }) => name === 'filter')
          ? filterBodies(schema, field.name, given.find(({ name }) => name === 'filter')?.type)
          : [],
      };
    });
}

/** Filters, orders and conditions: what a list is chosen by. */
function isHard(type: GraphQLInputType): boolean {
  const named = getNamedType(type);
  return isInputObjectType(named) || (isEnumType(named) && isListType(type));
}

function inputValue(type: GraphQLInputType, level = 0): Json {
  if (isNonNullType(type)) return inputValue(type.ofType as GraphQLInputType, level);
  if (isListType(type)) return [inputValue(type.ofType as GraphQLInputType, level + 1)];
  if (isEnumType(type)) return type.getValues()[0]?.value ?? null;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const some =
      level === 0
        ? fields
        : fields.filter((one) => isNonNullType(one.type) || level < 3).slice(0, 6);
    if (level > 4) return {};
    return Object.fromEntries(some.map((one) => [one.name, inputValue(one.type, level + 1)]));
  }
  switch (type.name) {
    case 'Int':
    case 'Float':
    case 'BigInt':
      return 1;
    case 'Boolean':
      return false;
    case 'UUID':
      return NOWHERE;
    case 'JSON':
      return {};
    case 'Datetime':
      return '2030-01-01T00:00:00Z';
    default:
      return 'x';
  }
}

/** Filters over relations, deep and beside one another, in the document and in variables. */
function filterBodies(schema: GraphQLSchema, field: string, type: GraphQLInputType | undefined) {
  if (!type) return [];
  const named = getNamedType(type);
  const inDocument = (filter: string) =>
    JSON.stringify({ query: `{ ${field}(filter: ${filter}) { __typename } }` });
  const inVariables = (filter: Json) =>
    JSON.stringify({
      query: `query ($f: ${named.name}!) { ${field}(filter: $f) { __typename } }`,
      variables: { f: filter },
    });
  const relations = relationNames(schema, named.name, 60);
  const chain = (levels: number) =>
    Array.from({ length: levels }, (_, n) => relations[n % Math.max(1, relations.length)] ?? 'id');
  const deep = (levels: number): JsonObject =>
    chain(levels).reduceRight<JsonObject>((inner, name) => ({ [name]: inner }), {});
  const text = (levels: number) => {
    const names = chain(levels);
    return `${names.map((name) => `{${name}: `).join('')}{}${'}'.repeat(names.length)}`;
  };
  const wide = (count: number, levels: number): JsonObject => ({
    and: Array.from({ length: count }, () => deep(levels)),
  });
  return [
    ...[5, 15, 60].flatMap((levels) => [
      { what: `a filter ${levels} relations deep`, text: inVariables(deep(levels)) },
      {
        what: `a filter ${levels} relations deep, in the document`,
        text: inDocument(text(levels)),
      },
    ]),
    {
      what: '4,000 conditions beside one another',
      text: inVariables({ and: Array.from({ length: 4_000 }, () => ({})) }),
    },
    { what: '200 filters of 4 relations', text: inVariables(wide(200, 4)) },
    { what: '30 filters of 4 relations', text: inVariables(wide(30, 4)) },
    {
      what: 'not in not',
      text: inVariables(
        Array.from({ length: 3_000 }).reduce<JsonObject>((inner) => ({ not: inner }), {}),
      ),
    },
    {
      what: '30 fields with a filter of 4 relations each',
      text: JSON.stringify({
        query: `query ($f: ${named.name}!) { ${Array.from({ length: 30 }, (_, n) => `a${n}: ${field}(filter: $f) { __typename }`).join(' ')} }`,
        variables: { f: deep(4) },
      }),
    },
  ];
}

/** Names of relations one below the other, going back and forth between two types where there is nothing else. */
function relationNames(schema: GraphQLSchema, from: string, levels: number): string[] {
  const names: string[] = [];
  let at = from;
  while (names.length < levels) {
    const type = schema.getType(at);
    if (!isInputObjectType(type)) break;
    const next = Object.values(type.getFields()).find((one) => {
      const inner = getNamedType(one.type);
      return (
        isInputObjectType(inner) &&
        /Filter$/.test(inner.name) &&
        !['and', 'or', 'not'].includes(one.name) &&
        isRelation(inner.name, schema)
      );
    });
    if (!next) break;
    names.push(next.name);
    at = getNamedType(next.type).name;
  }
  return names;
}

/** Filters of columns have no filters in them. */
function isRelation(name: string, schema: GraphQLSchema): boolean {
  const type = schema.getType(name);
  return isInputObjectType(type) && ('and' in type.getFields() || 'some' in type.getFields());
}

async function mcpDoors(url: string, token: string): Promise<Door[]> {
  const rpc = (method: string, params: JsonObject): JsonObject => ({
    jsonrpc: '2.0',
    id: 1,
    method,
    params,
  });
  const door = (name: string, good: Json) => ({
    ...httpDoor(url, { path: '/mcp', goods: whole(good) }),
    name: `MCP ${name}`,
  });
  const listed = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(rpc('tools/list', {})),
  });
  const [tool = 'development'] = [...(await listed.text()).matchAll(/"name":"([\w-]+)"/g)].map(
    ([, name]) => name,
  );
  const clientInfo = { name: 'x', version: '1' };
  return [
    door(
      'initialize',
      rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }),
    ),
    door('tools/call', rpc('tools/call', { name: String(tool), arguments: { message: 'hello' } })),
    door('resources/read', rpc('resources/read', { uri: 'docs://x' })),
    door(
      'completion/complete',
      rpc('completion/complete', {
        ref: { type: 'ref/prompt', name: 'x' },
        argument: { name: 'a', value: 'b' },
      }),
    ),
    door('several at once', [rpc('ping', {}), rpc('tools/list', {})]),
  ];
}

function agentDoors(url: string, { agent }: Known): Door[] {
  const message = {
    role: 'user',
    kind: 'message',
    messageId: 'm',
    parts: [{ kind: 'text', text: 'x' }],
    metadata: {},
  };
  const rpc = (method: string, params: JsonObject): JsonObject => ({
    jsonrpc: '2.0',
    id: 1,
    method,
    params,
  });
  return [
    httpDoor(url, {
      path: `/a2a/${agent}`,
      goods: whole(
        rpc('message/send', { message, configuration: { blocking: false }, metadata: {} }),
      ),
    }),
    httpDoor(url, {
      path: `/ag-ui/agents/${agent}`,
      goods: whole({
        threadId: '01900000-0000-7000-8000-000000000001',
        runId: '01900000-0000-7000-8000-000000000002',
        state: {},
        messages: [{ id: '1', role: 'user', content: 'x' }],
        tools: [{ name: 'x', description: 'x', parameters: { type: 'object' } }],
        context: [{ description: 'x', value: 'x' }],
        forwardedProps: {},
      }),
    }),
  ];
}

function socketDoors(url: string, { agent }: Known): Door[] {
  const subscription =
    'subscription ($id: UUID!, $after: Int) { executionSteps(executionId: $id, after: $after) { seq } }';
  return [
    {
      name: 'WebSocket /ws execute',
      goods: whole({ type: 'execute', id: '1', agent, message: 'x' }),
      send: (text, token) =>
        overSocket(
          `${url}/ws`,
          undefined,
          (token) => JSON.stringify({ type: 'connection_init', authorization: `Bearer ${token}` }),
          text,
          token,
        ),
    },
    {
      name: 'WebSocket /ws subscribe',
      goods: whole({ type: 'subscribe', id: '1', execution_id: NOWHERE, after: '1.0' }),
      send: (text, token) =>
        overSocket(
          `${url}/ws`,
          undefined,
          (token) => JSON.stringify({ type: 'connection_init', authorization: `Bearer ${token}` }),
          text,
          token,
        ),
    },
    {
      name: 'WebSocket /graphql subscribe',
      goods: whole({
        id: '1',
        type: 'subscribe',
        payload: { query: subscription, variables: { id: NOWHERE, after: 1 } },
      }),
      send: (text, token) =>
        overSocket(
          `${url}/graphql`,
          'graphql-transport-ws',
          (token) =>
            JSON.stringify({
              type: 'connection_init',
              payload: { authorization: `Bearer ${token}` },
            }),
          text,
          token,
        ),
    },
  ];
}

/** Sends one message once let in; 200 for an answer, the code of the protocol for a socket that is closed. */
async function overSocket(
  url: string,
  protocol: string | undefined,
  opening: (token: string) => string,
  text: string,
  token: string,
): Promise<Answer> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocol ? [protocol] : []);
  const answered = Promise.withResolvers<Answer>();
  let isIn = false;
  socket.on('open', () => socket.send(opening(token)));
  socket.on('message', () => {
    if (isIn) answered.resolve({ status: 200 });
    else socket.send(text);
    isIn = true;
  });
  socket.on('close', (code) => answered.resolve({ status: code }));
  socket.on('error', (error) => answered.reject(error));
  const timer = setTimeout(() => answered.reject(new Error('no answer')), MOST_MS);
  try {
    return await answered.promise;
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }
}
