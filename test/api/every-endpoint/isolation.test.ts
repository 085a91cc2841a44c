import { randomUUID } from 'node:crypto';
import {
  buildClientSchema,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  type IntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { all } from '../../sql/support.ts';
import { MARK, makeTwoTenants } from '../../sql/two-tenants.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, follow, openSocket, startTestApi, until } from '../harness.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

// Requests every field of the GraphQL schema as one tenant for rows of another tenant, like
// test/sql/isolation.test.ts. The fields are read from the schema, so new fields are included.

const db = testDatabase();
let api: ApiServer;
let schema: GraphQLSchema;
let token: string;
/** One row of the other tenant for each table. */
let theirs: { table: string; id: string }[];
/** Number of checks of each kind. */
const walked: Record<string, number> = {};

beforeAll(async () => {
  const { a, b } = await makeTwoTenants(db.pool);
  api = await startTestApi(db.url, tokenOptions);
  token = await tokenFor(
    { sub: 'a', tenant_id: a, user_id: '' },
    { user_id: undefined, role: 'owner' },
  );
  const tables = await all(
    db.pool,
    `select c.relname as name from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attname = 'id'
     join pg_attribute as t on t.attrelid = c.oid and t.attname = 'tenant_id'
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  theirs = [{ table: 'tenants', id: b }];
  for (const { name } of tables) {
    const [row] = await all(
      db.pool,
      `select id from howdah.${name} where tenant_id = $1 order by id desc limit 1`,
      [b],
    );
    theirs.push({ table: name, id: row?.id });
  }
  const { data } = await ask(api, getIntrospectionQuery(), {}, token);
  schema = buildClientSchema(data as IntrospectionQuery);
});

afterAll(async () => {
  console.info(`isolation in GraphQL, walked: ${JSON.stringify(walked)}`);
  await api?.close();
});

type Field = GraphQLField<unknown, unknown>;
const fieldsOf = (type: GraphQLObjectType | null | undefined): Field[] =>
  Object.values(type?.getFields() ?? {});
/** Returns the Relay id of a row: its table and id in Base64. */
const relayId = (table: string, id: string) =>
  Buffer.from(JSON.stringify([table, id])).toString('base64');

/**
 * Returns a value of the type: the id where it fits, else a plain value. Returns undefined for an
 * optional value that can be omitted.
 */
function valueFor(type: GraphQLInputType, id: string, depth = 0): unknown {
  if (!isNonNullType(type)) return isId(type) || depth < 2 ? optional(type, id, depth) : undefined;
  const inner = type.ofType;
  if (isListType(inner)) return [];
  if (isEnumType(inner)) return inner.getValues()[0]?.name;
  if (isInputObjectType(inner)) return objectFor(inner, id, depth + 1);
  return scalarFor(inner.name, id);
}
const isId = (type: GraphQLInputType) => getNamedType(type)?.name === 'UUID';
const optional = (type: GraphQLInputType, id: string, depth: number): unknown => {
  const named = getNamedType(type);
  if (isListType(type) || named.name === 'ID') return undefined;
  if (isInputObjectType(named) && /(Input|Patch|FeedFilter)$/.test(named.name))
    return objectFor(named, id, depth + 1);
  return isId(type) ? id : undefined;
};
function objectFor(type: GraphQLInputType, id: string, depth: number): object {
  if (!isInputObjectType(type)) return {};
  return Object.fromEntries(
    Object.values(type.getFields()).map((field) => [field.name, valueFor(field.type, id, depth)]),
  );
}
function scalarFor(name: string, id: string): unknown {
  if (name === 'UUID') return id;
  if (name === 'ID') return relayId('x', id);
  if (name === 'Int' || name === 'BigInt' || name === 'BigFloat' || name === 'Float') return 1;
  if (name === 'Boolean') return true;
  if (name === 'JSON') return {};
  if (name === 'Datetime') return '2030-01-01T00:00:00Z';
  return 'x';
}

const takesId = (field: Field) =>
  JSON.stringify(field.args.map(({ type }) => valueFor(type, 'THE-ID'))).includes('THE-ID');
const operation = (kind: string, field: Field) => {
  const variables = field.args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const args = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
  return `${kind} ${variables && `(${variables})`} { it: ${field.name}${args && `(${args})`} ${selection(field)} }`;
};
const selection = (field: Field) => {
  const type = getNamedType(field.type);
  if (!isObjectType(type)) return isLeafType(type) ? '' : '{ __typename }';
  const leaves = fieldsOf(type).filter(
    ({ type, args }) => isLeafType(getNamedType(type)) && args.length === 0,
  );
  return `{ __typename ${leaves.map(({ name }) => name).join(' ')} }`;
};
const variablesFor = (field: Field, id: string) =>
  Object.fromEntries(field.args.map(({ name, type }) => [name, valueFor(type, id)]));

/** Returns the response to a request as text, with a placeholder for the id in it. */
async function responseText(text: string, variables: object, id: string): Promise<string> {
  const { status, data, errors } = await ask(api, text, variables, token);
  const rest = errors.map(({ message, extensions }) => ({ message, extensions }));
  return JSON.stringify({ status, data, rest })
    .replaceAll(id, 'THAT')
    .replaceAll(relayId('x', id), 'THAT');
}
const lists = () =>
  fieldsOf(schema.getQueryType()).filter(
    // a comparison of two versions needs their ids: it is tested with the queries by id
    ({ name, type }) => getNamedType(type).name.endsWith('Connection') && !name.startsWith('diff'),
  );
const makeMissingId = () => randomUUID().replace(/^(.{14})4/, '$17');

/** Arguments without which a list is refused. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  leaderboard: 'dataset: "belongs-to-a", ',
  recall: 'query: "x", ',
  search: 'query: "x", ',
  searchesOf: 'knowledgeBase: "belongs-to-a", ',
  sources: 'executionId: "00000000-0000-7000-8000-000000000000", ',
  usageBy: 'key: "customer", ',
};

test('every list of the schema returns rows of one tenant only', async () => {
  expect(lists().length).toBeGreaterThan(25);
  walked.lists = lists().length;
  for (const { name, type } of lists()) {
    const connection = getNamedType(type) as GraphQLObjectType;
    const nodes = connection.getFields().nodes;
    if (!nodes) throw new Error(`${name} has no nodes`);
    const { data, errors } = await ask(
      api,
      `{ ${name}(${ARGUMENTS[name] ?? ''}first: 8) { totalCount nodes ${selection(nodes)} } }`,
      {},
      token,
    );
    expect({ name, errors }).toEqual({ name, errors: [] });
    const text = JSON.stringify(data);
    const found = [MARK, ...theirs.map(({ id }) => id)].filter((secret) => text.includes(secret));
    expect({ name, found }).toEqual({ name, found: [] });
  }
});

test('every query treats rows of another tenant like missing rows', async () => {
  const fields = fieldsOf(schema.getQueryType())
    .filter(takesId)
    .filter(({ type }) => !getNamedType(type).name.endsWith('Connection'));
  expect(fields.length).toBeGreaterThan(15);
  Object.assign(walked, { rows: theirs.length, queries: fields.length });
  for (const field of fields) {
    const text = operation('query', field);
    const unknown = makeMissingId();
    const expected = await responseText(text, variablesFor(field, unknown), unknown);
    for (const { table, id } of theirs) {
      const got = await responseText(text, variablesFor(field, id), id);
      expect({ field: field.name, table, got }).toEqual({
        field: field.name,
        table,
        got: expected,
      });
    }
  }
});

test('a Relay id of another tenant finds nothing', async () => {
  let checked = 0;
  for (const { name, type } of lists()) {
    const node = getNamedType(
      (getNamedType(type) as GraphQLObjectType).getFields().nodes?.type,
    ) as GraphQLObjectType;
    const byNode = schema.getQueryType()?.getFields()[
      `${node.name.charAt(0).toLowerCase()}${node.name.slice(1)}ByNodeId`
    ];
    if (!byNode || name in ARGUMENTS) continue; // those rows have a list of their own
    const own = await ask(api, `{ ${name}(first: 1) { nodes { nodeId } } }`, {}, token);
    const [kind] = JSON.parse(Buffer.from(own.data[name].nodes[0].nodeId, 'base64').toString());
    const find = `query ($nodeId: ID!) { it: ${byNode.name}(nodeId: $nodeId) { nodeId } }`;
    const isThere = await ask(api, find, own.data[name].nodes[0], token);
    expect(isThere.data.it).not.toBeNull();
    for (const { id } of theirs) {
      checked += 1;
      const { data } = await ask(api, find, { nodeId: relayId(kind, id) }, token);
      expect(data?.it ?? null).toBeNull();
    }
  }
  expect(checked).toBeGreaterThan(200);
  walked['Relay ids'] = checked;
});

test('every mutation treats rows of another tenant like missing rows and leaves them unchanged', async () => {
  const digest = async () => {
    const digests: Record<string, string> = {};
    for (const { table } of theirs.slice(1)) {
      const [row] = await all(
        db.pool,
        `select md5(string_agg(t::text, '|' order by t::text)) as digest from howdah.${table} as t where tenant_id = $1`,
        [theirs[0]?.id],
      );
      digests[table] = row?.digest;
    }
    return digests;
  };
  const before = await digest();
  const fields = fieldsOf(schema.getMutationType()).filter(takesId);
  expect(fields.length).toBeGreaterThan(30);
  walked.mutations = fields.length;
  for (const field of fields) {
    const text = operation('mutation', field);
    const unknown = makeMissingId();
    const expected = await responseText(text, variablesFor(field, unknown), unknown);
    for (const { table, id } of theirs) {
      const got = await responseText(text, variablesFor(field, id), id);
      expect({ field: field.name, table, got }).toEqual({
        field: field.name,
        table,
        got: expected,
      });
    }
  }
  expect(await digest()).toEqual(before);
});

test('updates and deletes fail with HWNTF for missing or foreign rows, HWINV for invalid Relay ids', async () => {
  const fields = fieldsOf(schema.getMutationType()).filter(({ name }) =>
    /^(update|delete)/.test(name),
  );
  expect(fields.length).toBeGreaterThan(90);
  Object.assign(walked, { 'updates and deletes': fields.length });
  for (const field of fields) {
    const inputs = inputFieldsOf(field);
    const keys = inputs.filter(
      ({ name, type }) => name === 'id' || (isNonNullType(type) && !isPatch(type)),
    );
    const refusal = async (id: string, nodeId?: string) => {
      const input = Object.fromEntries([
        ...keys.map(({ name, type }) => [name, nodeId ?? valueFor(type, id) ?? id]),
        ...inputs
          .filter(({ type }) => isPatch(type))
          .map(({ name, type }) => [name, patchFor(type)]),
      ]);
      const { data, errors } = await ask(api, operation('mutation', field), { input }, token);
      return {
        field: field.name,
        data,
        errors: errors.map(({ message, extensions }) => ({ message, extensions })),
      };
    };
    const missing = {
      field: field.name,
      data: { it: null },
      errors: [{ extensions: { code: 'HWNTF' } }],
    };
    if (!field.name.endsWith('ByNodeId')) {
      expect(keys.length).toBeGreaterThan(0);
      const nobody = makeMissingId();
      const unknown = await refusal(nobody);
      expect(unknown).toMatchObject(missing);
      for (const { id } of theirs)
        expect(withoutId(await refusal(id), id)).toEqual(withoutId(unknown, nobody));
      continue;
    }
    expect(keys.map(({ name }) => name)).toEqual(['nodeId']);
    for (const junk of [
      'junk',
      relayId('Tenant', makeMissingId()),
      btoa(JSON.stringify([typeOf(field)])),
    ]) {
      const invalid = {
        field: field.name,
        data: { it: null },
        errors: [{ extensions: { code: 'HWINV' } }],
      };
      expect(await refusal('', junk)).toMatchObject(invalid);
    }
    const type = typeOf(field);
    const key = await keyOf(type);
    const relay = (id: string) => btoa(JSON.stringify([type, ...key.map((value) => value ?? id)]));
    const unknown = await refusal('', relay(makeMissingId()));
    expect(unknown).toMatchObject(missing);
    for (const { id } of theirs) expect(await refusal('', relay(id))).toEqual(unknown);
  }
});

const typeOf = ({ name }: Field) => name.replace(/^(update|delete)(.*)ByNodeId$/, '$2');
/** Returns the primary key of a type's table: null for a uuid, any value for another column. */
async function keyOf(type: string): Promise<(string | number | null)[]> {
  const singular = type.replaceAll(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
  const rows = await all(
    db.pool,
    `select case t.typtype when 'e' then (select e.enumlabel::text from pg_enum as e where e.enumtypid = t.oid limit 1)
        else case when t.oid = 'uuid'::regtype then null else '1' end end as value
     from pg_index as i cross join lateral unnest(i.indkey) with ordinality as k (attnum, place)
     join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum join pg_type as t on t.oid = a.atttypid
     where i.indisprimary and i.indrelid = any (array[to_regclass('howdah.' || $1 || 's'), to_regclass('howdah.' || regexp_replace($1, 'y$', 'ies'))])
     order by k.place`,
    [singular],
  );
  return rows.map(({ value }) => value);
}

/** Replaces the id in a response with a placeholder, so that two responses can be compared. */
const withoutId = (said: object, id: string) =>
  JSON.parse(JSON.stringify(said).replaceAll(id, 'THAT'));

/** Returns the fields of the one argument of a mutation. */
function inputFieldsOf({ args: [input] }: Field) {
  const type = getNamedType(input?.type);
  return isInputObjectType(type) ? Object.values(type.getFields()) : [];
}
const isPatch = (type: GraphQLInputType) => getNamedType(type).name.endsWith('Patch');
/** Returns a patch that changes one column. */
function patchFor(type: GraphQLInputType): object {
  const patch = getNamedType(type);
  const fields = isInputObjectType(patch) ? Object.values(patch.getFields()) : [];
  const [field] = fields.toSorted(
    (a, b) => Number(isListType(a.type)) - Number(isListType(b.type)),
  );
  if (!field) throw new Error(`${patch.name} has no column`);
  if (isListType(field.type)) return { [field.name]: [] };
  const named = getNamedType(field.type);
  const value = isEnumType(named)
    ? named.getValues()[0]?.name
    : scalarFor(named.name, makeMissingId());
  return { [field.name]: value };
}

const isList = ({ type }: Field) => getNamedType(type).name.endsWith('FeedEvent');

test('every subscription treats rows of another tenant like missing rows', async () => {
  const socket = openSocket(api, {}, { authorization: `Bearer ${token}` });
  const fields = fieldsOf(schema.getSubscriptionType());
  walked.subscriptions = fields.length;
  for (const field of fields) {
    const text = operation('subscription', field);
    const outcome = async (id: string) => {
      const followed = follow(socket, text, variablesFor(field, id));
      if (isList(field)) {
        await until(() => followed.items.length > 0);
        followed.stop(); // a list does not end: without rows it starts with `synced`
        expect(followed.items.map(({ kind }) => kind)).toEqual(['synced']);
      } else {
        await followed.end;
        expect(followed.items.filter(Boolean)).toEqual([]);
        expect(followed.errors).not.toEqual([]);
      }
      return JSON.stringify(
        followed.errors.map(({ message, extensions }) => ({ message, extensions })),
      ).replaceAll(id, 'THAT');
    };
    const expected = await outcome(makeMissingId());
    for (const { table, id } of theirs) {
      expect({ field: field.name, table, got: await outcome(id) }).toEqual({
        field: field.name,
        table,
        got: expected,
      });
    }
  }
  await socket.client.dispose();
});
