import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { describeResources } from '../../../src/api/rest/resource-types.ts';
import { restRoutes } from '../../../src/api/rest/rest-routes.ts';
import { copyList, copyRow } from '../../../src/console/rows/copy-rows.ts';
import { beginForm, formFields, readForm } from '../../../src/console/rows/form/form-values.ts';
import { rowOfPath, rowPath } from '../../../src/console/rows/paths.ts';
import type { ResourceType } from '../../../src/console/rows/resource-types.ts';
import { testDatabase } from '../../support/database.ts';

// What the console copies of every resource is a request that works.

const db = testDatabase();
const types: readonly ResourceType[] = describeResources(restRoutes) as never;
const ROOT = new URL('http://127.0.0.1:8000/');
const ID = '01a219e4-6fc6-7aa2-ae61-e88492647c09';
const typeOf = (name: string) => types.find((type) => type.name === name) as ResourceType;

/** Returns a filter with each condition that a list has, with a value of its kind. */
function filterOf({ filters }: ResourceType): Record<string, string> {
  return Object.fromEntries(
    filters.map(({ name, schema }) => {
      const [label] = Array.isArray(schema.enum) ? schema.enum : [];
      const word = schema.format === 'uuid' ? ID : name.startsWith('is_') ? 'true' : 'chain';
      return [name, String(label ?? word)];
    }),
  );
}

test('the SQL of each list and row runs for a tenant', async () => {
  const client = await db.pool.connect();
  try {
    await client.query('begin; set local role howdah_app');
    for (const type of types) {
      const forms = [copyList(type, {}, ROOT), copyList(type, filterOf(type), ROOT)];
      for (const { sql } of [...forms, copyRow(type, ID, ROOT)]) {
        if (sql === undefined) continue;
        await client.query('savepoint one');
        const failed = await client.query(sql).then(
          () => undefined,
          (error: Error) => `${error.message}: ${sql}`,
        );
        await client.query('rollback to savepoint one');
        expect(failed).toBeUndefined();
      }
    }
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('the GraphQL of each list and row is valid', () => {
  const schema = buildSchema(readFileSync('src/api/schema.graphql', 'utf8'));
  const faults = types.flatMap((type) =>
    [copyList(type, {}, ROOT), copyList(type, filterOf(type), ROOT), copyRow(type, ID, ROOT)]
      .flatMap(({ graphql }) => graphql ?? [])
      .flatMap((text) => validate(schema, parse(text)).map(({ message }) => `${message}: ${text}`)),
  );
  expect(faults).toEqual([]);
});

test('each command exists, and a filter is left to the languages that have it', () => {
  const reference = readFileSync('docs/reference/cli.md', 'utf8');
  const names = [...reference.matchAll(/^(?:#+ |\*\*`)howdah ([a-z -]+?)(?:`\*\*)?$/gm)];
  const commands = types.map(({ command }) => command).filter((command) => command !== null);
  expect(names.map(([, name]) => name)).toEqual(expect.arrayContaining(commands));
  const tools = typeOf('tools');
  expect(copyList(tools, {}, ROOT).cli).toBe('npx howdah tools list');
  expect(copyList(tools, { kind: 'sql' }, ROOT)).toMatchObject({
    cli: undefined,
    curl: expect.stringContaining('/api/tools?kind=sql&limit=50'),
  });
});

test('a form sends only what differs from its beginning', () => {
  const type = typeOf('tools');
  const row = {
    ...{ id: ID, name: 'orders', timeout_ms: 60_000, is_active: true, domain: 'shop' },
    ...{ aliases: ['o'], parameters: { type: 'object' } },
  };
  const fields = formFields(type, row);
  const begun = beginForm(fields, row);
  const read = (changes: object) => readForm(fields, { ...begun, ...changes }, begun, false);
  expect(read({})).toEqual({ body: {}, faults: {} });
  expect(read({ timeout_ms: '5000', is_active: 'false', domain: '', aliases: [] }).body).toEqual({
    ...{ timeout_ms: 5000, is_active: false, domain: null, aliases: [] },
  });
  expect(read({ parameters: '{"type":' }).faults).toEqual({ parameters: 'notJson' });
  expect(read({ timeout_ms: 'long' }).faults).toEqual({ timeout_ms: 'notNumber' });
});

test('a form asks once for what has an id and a name', () => {
  const names = (name: string, row?: { id: string }) =>
    formFields(typeOf(name), row).map((field) => field.name);
  expect(names('grants')).toContain('agent');
  expect(names('grants')).not.toContain('agent_id');
  // rows of schedules show the id alone
  expect(names('schedules')).toContain('agent_id');
  expect(names('schedules')).not.toContain('agent');
  expect(names('api-keys', { id: ID })).toEqual(['name']);
});

test.each(['100%', 'a/b?c#d', '50% off/%', 'é', '100%2'])(
  'the name %s survives its path',
  (name) => {
    const part = rowPath({ name: 'models' }, name).slice('/definitions/models/'.length);
    expect(rowOfPath(decodeURI(part))).toBe(name);
  },
);
