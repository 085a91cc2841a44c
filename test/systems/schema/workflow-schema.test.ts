import { expect, test } from 'vitest';
import { z } from 'zod';
import { workflowConfigurations } from '../../../src/systems/schema/workflow-schema.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const database = testDatabase();

const FOR_PEOPLE = ['$schema', 'title', 'description', 'default'];
/** Returns whether zod added this keyword without rejecting any JSON value by it. */
const isIdle = (key: string, value: unknown) =>
  key === 'propertyNames' ||
  (key === 'maximum' && value === Number.MAX_SAFE_INTEGER) ||
  (key === 'additionalProperties' && JSON.stringify(value) === '{}');

/** Returns the validation rules of a schema, without its titles and descriptions. */
function rules(schema: unknown): unknown {
  const bare = JSON.stringify(schema, (key, value) => {
    if (FOR_PEOPLE.includes(key) || isIdle(key, value)) return undefined;
    return value?.enum ? { enum: value.enum } : value;
  });
  return JSON.parse(bare);
}

test.each(Object.entries(workflowConfigurations))(
  'the file schema of %s has the same rules as the database',
  async (type, shape) => {
    const text = 'select howdah.workflow_schema($1) as schema';
    const { schema } = await one(database.pool, text, [type]);
    const ours = z.toJSONSchema(z.strictObject(shape), { io: 'input' });
    expect(rules(ours)).toEqual(rules(schema));
  },
);
