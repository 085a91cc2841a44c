import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { workflowConfigurations } from '../../src/systems/workflow-schema.ts';
import { one } from '../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

/** What a schema lets pass, without what it says to people. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare).toSorted();
  if (typeof value !== 'object' || value === null) return value;
  const {
    $schema,
    title,
    description,
    default: _,
    propertyNames,
    maximum,
    ...rest
  } = value as Record<string, unknown>;
  if (rest.enum !== undefined || rest.additionalProperties !== undefined) delete rest.type;
  if (rest.properties !== undefined) {
    const properties = Object.entries(rest.properties as object).map(([key, one]) => [
      key,
      bare(one),
    ]);
    return { ...rest, type: undefined, properties: Object.fromEntries(properties) };
  }
  const bound = maximum === Number.MAX_SAFE_INTEGER || maximum === undefined ? {} : { maximum };
  const all = Object.entries({ ...rest, ...bound }).map(([key, one]) => [key, bare(one)]);
  return Object.fromEntries(all.filter(([key, one]) => key !== 'type' || one !== 'object'));
}

test.each(Object.entries(workflowConfigurations))(
  'files know of %s what the database does',
  async (type, shape) => {
    const { schema } = await one(database.pool, 'select howdah.workflow_schema($1) as schema', [
      type,
    ]);
    const ours = z.toJSONSchema(z.strictObject(shape), { io: 'input' });
    const known = (of: object) => bare({ ...of, additionalProperties: false });
    const open = JSON.parse(
      JSON.stringify(known(ours)).replaceAll('"additionalProperties":{}', '"type":"object"'),
    );
    expect(normal(open)).toEqual(normal(known(schema)));
  },
);

/** A free object says so in two ways. */
function normal(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value)
      .replaceAll(',"additionalProperties":{}', '')
      .replaceAll('{"type":"object"}', '{}'),
  );
}
