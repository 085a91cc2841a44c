import { expect, test } from 'vitest';
import { describeResources } from '../../src/api/rest/resource-types.ts';
import { restRoutes } from '../../src/api/rest/rest-routes.ts';
import { allResources } from '../../src/resources/all-resources.generated.ts';

const types = describeResources(restRoutes);
const typeOf = (name: string) => {
  const found = types.find((type) => type.name === name);
  if (!found) throw new Error(`there is no type ${name}`);
  const fields = Object.fromEntries(found.fields.map((field) => [field.name, field]));
  return { ...found, fields };
};

test('every resource is described, and each name in it is a field', () => {
  expect(types.map(({ path }) => path).toSorted()).toEqual(
    allResources.map(({ path }) => path).toSorted(),
  );
  for (const { name, fields, list, create, change, name_field } of types) {
    const known = new Set(fields.map((field) => field.name));
    const named = [...list, ...(create ?? []), ...(change ?? []), name_field];
    expect({ name, unknown: named.filter((one) => !known.has(one)) }).toEqual({
      name,
      unknown: [],
    });
    expect({ name, count: fields.length }).toEqual({ name, count: known.size });
  }
});

test('a list shows fields that rows have', () => {
  const wrong = types.flatMap(({ name, list, fields }) =>
    fields
      .filter((field) => list.includes(field.name) && !field.is_shown)
      .map((field) => `${name}.${field.name}`),
  );
  expect(wrong).toEqual([]);
});

test('schemas stand alone, references lead to resources, and enums have labels', () => {
  expect(JSON.stringify(types)).not.toContain('$ref');
  const names = new Set(types.map(({ name }) => name));
  for (const { fields } of types) {
    for (const { references } of fields) {
      if (references) expect(names).toContain(references.resource);
    }
  }
  expect(typeOf('limits').fields.metric?.schema.enum).toContain('cost');
  expect(typeOf('output-filters').fields.places?.schema.items).toMatchObject({
    enum: expect.arrayContaining(['output', 'input']),
  });
});

test('the type of a value that may be null is that of the value', () => {
  const { base_url, input_price } = typeOf('models').fields;
  expect([base_url, input_price]).toMatchObject([
    { schema: { type: 'string' }, is_nullable: true },
    { schema: { type: 'number' }, is_nullable: true },
  ]);
  const several = types.flatMap(({ name, fields }) =>
    fields.filter(({ schema }) => Array.isArray(schema.type)).map((one) => `${name}.${one.name}`),
  );
  expect(several).toEqual([]);
});

test('a form knows what is needed, written once, referred to and null', () => {
  const { create, change, fields, can_delete, list } = typeOf('grants');
  expect({ create, change, can_delete }).toEqual({
    create: [
      ...['agent_id', 'workflow_id', 'user_id', 'role', 'permission'],
      ...['user', 'agent', 'workflow'],
    ],
    change: ['permission'],
    can_delete: true,
  });
  expect(list).toEqual(['id', 'agent', 'workflow', 'user', 'role', 'permission']);
  expect(fields.permission).toMatchObject({ is_required: true, is_nullable: false });
  expect(fields.role).toMatchObject({ is_required: false, is_nullable: true, label: 'Role' });
  expect(fields.role?.schema).toMatchObject({ type: 'string', enum: expect.any(Array) });
  expect(fields.agent_id?.references).toEqual({ resource: 'agents', field: 'id' });
  expect(fields.agent?.references).toEqual({ resource: 'agents', field: 'name' });
  expect(fields.user_id?.references).toEqual({ resource: 'users', field: 'id' });
  const rules = typeOf('grading-rules').fields;
  expect(rules.dataset_id?.references).toEqual({ resource: 'datasets', field: 'id' });
  expect(rules.dataset?.references).toEqual({ resource: 'datasets', field: 'name' });
});

test('a list of objects names no rows, and two fields of a row have labels of their own', () => {
  expect(typeOf('mcp-servers').fields.tools?.references).toBeNull();
  expect(typeOf('agents').fields.tools?.references).toEqual({ resource: 'tools', field: 'name' });
  const { status, status_at } = typeOf('documents').fields;
  expect([status?.label, status_at?.label]).toEqual(['Status', 'Status since']);
});

test('resources with operations of their own are described by these', () => {
  const keys = typeOf('api-keys');
  expect(keys).toMatchObject({ change: ['name'], change_method: 'PATCH', can_delete: false });
  expect(keys.create).toContain('expires_in');
  expect(keys.fields.key).toMatchObject({ is_shown: false, is_shown_once: true });
  const secrets = typeOf('secrets');
  expect(secrets).toMatchObject({ create: ['name', 'value'], change: ['value'], can_delete: true });
  expect(secrets.change_method).toBe('PUT');
  expect(secrets.fields.value).toMatchObject({ is_shown: false, is_shown_once: false });
  expect(typeOf('hooks')).toMatchObject({ create: null, change: null, can_delete: false });
  expect(typeOf('webhooks').fields.signing_key?.is_shown_once).toBe(true);
});

test('actions need no body, or none that people choose fields of', () => {
  const namesOf = (type: string) => typeOf(type).actions.map(({ name }) => name);
  expect(namesOf('integrations')).toEqual(['connect']);
  expect(namesOf('schedules')).toEqual(['run']);
  expect(namesOf('users')).toEqual([]);
});

test('a list filters by rows that its rows name in another way', () => {
  const { filters } = typeOf('searches');
  expect(filters.find(({ name }) => name === 'knowledge_base_id')).toMatchObject({
    references: { resource: 'knowledge-bases', field: 'id' },
  });
  expect(typeOf('knowledge-bases').fields.ocr_model_id?.references).toEqual({
    ...{ resource: 'models', field: 'id' },
  });
});
