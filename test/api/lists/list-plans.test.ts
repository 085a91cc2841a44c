import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildSchema,
  type GraphQLEnumType,
  type GraphQLInputObjectType,
  isEnumType,
  isScalarType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runConditions, runs } from '../../../src/api/lists/list-filters.ts';
import { runFilters } from '../../../src/api/rest/runs/run-filters.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { EXECUTION_STATUSES } from '../../../src/contracts/runs/step.ts';
import { currentCursor, readChanges } from '../../../src/db/lists/list-changes.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { all, asRole } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { explainAs, type Plan, recordStatements, type Statement } from './explained.ts';
import { type KnownRows, makeLargeTenants, settleTables } from './large-tenants.ts';

// Every filter and order of lists of runs, steps and messages, as the roles of tenants, at 200,000
// runs of a large and a small tenant (sql/README.md, "Row security and indexes"). The filters and
// orders are those of the API, so a new one without a sample fails.

const db = testDatabase({ violates: true }); // the history has no logs
const ROLES = ['howdah_app', 'howdah_analyst'];
/** Most buffers of a list of 101 rows. Each row may be in another page, with its index entry. */
const MAX_BUFFERS = 1_000;
/**
 * Most buffers of a list of the 5,000 runs that have not ended, or of the 4,000 child runs, each of
 * which may be read once. No index serves `cancelled`: a tenant of 2,500 runs without a cancelled
 * one reads them all.
 */
const MAX_BUFFERS_OF_PART = 6_000;

let tenants: { large: KnownRows; small: KnownRows };
let tokens: Record<keyof typeof tenants, string>;
let api: ApiServer;

beforeAll(async () => {
  tenants = await makeLargeTenants(db.pool);
  await migrateUp(db.url, migrateQueue); // completes the tags
  await settleTables(db.pool);
  api = await startTestApi(db.url, tokenOptions);
  const tokenOf = ({ tenant }: KnownRows) =>
    tokenFor({ sub: 'x', tenant_id: tenant, user_id: '' }, { user_id: undefined, role: 'owner' });
  tokens = { large: await tokenOf(tenants.large), small: await tokenOf(tenants.small) };
}, 300_000);
afterAll(() => api?.close());

type Tenant = keyof typeof tenants;
const BOTH: Tenant[] = ['large', 'small'];

/** Explains the statements of a request as each role, and checks their plans. */
async function expectIndexes(
  tenant: Tenant,
  request: (known: KnownRows) => Promise<Statement[]>,
  most = MAX_BUFFERS,
): Promise<void> {
  const statements = await request(tenants[tenant]);
  expect(statements.length).toBeGreaterThan(0);
  for (const role of ROLES) {
    const plan: Plan = await explainAs(db.pool, role, tenants[tenant].tenant, statements);
    expect({ role, scanned: plan.scanned }).toEqual({ role, scanned: [] });
    expect(plan.buffers, role).toBeLessThanOrEqual(most);
    const { PLANS_TO: file } = process.env; // for a table of the figures
    if (file)
      appendFileSync(file, `${plan.buffers} ${role} ${expect.getState().currentTestName}\n`);
  }
}

const graphql = (tenant: Tenant, text: string, variables: object = {}) =>
  recordStatements(async () => {
    const { errors } = await ask(api, text, variables, tokens[tenant]);
    expect({ text, errors }).toEqual({ text, errors: [] });
  });

const rest = (tenant: Tenant, path: string) =>
  recordStatements(async () => {
    const leave = new AbortController();
    const headers = { authorization: `Bearer ${tokens[tenant]}` };
    const response = await fetch(`${api.url}${path}`, { headers, signal: leave.signal });
    expect(response.status, path).toBe(200);
    if (path.includes('/stream')) leave.abort();
    else await response.text();
  });

/** Values for each column that filters take: several where the plans differ. */
const SAMPLES: Readonly<Record<string, (known: KnownRows) => unknown[]>> = {
  agentId: ({ agent }) => [agent],
  compensatesExecutionId: ({ run }) => [run],
  completedAt: () => [new Date(Date.now() - 3_600_000).toISOString()],
  concurrencyKey: () => ['key5', 'none'],
  id: ({ run }) => [run],
  executionId: ({ run }) => [run],
  metadata: ({ order }) => [
    { order },
    { channel: 'web' },
    { tags: ['tag3'] },
    { none: 1 },
    { channel: 'web', order },
  ],
  parentExecutionId: ({ parent }) => [parent],
  rootExecutionId: ({ parent }) => [parent],
  sessionId: ({ session }) => [session],
  status: () => [...EXECUTION_STATUSES],
  userId: ({ user }) => [user],
  waitingFor: () => ['question', 'timer'],
  workflowId: ({ run }) => [run],
};

/** Values that `condition` compares in another way than `filter`. */
const EQUAL: typeof SAMPLES = {
  metadata: ({ metadata }) => [metadata, { none: 1 }],
};

/** Columns within a run or session: another filter names it. */
const INNER: Readonly<Record<string, string>> = { turn: 'sessionId', seq: 'executionId' };

const PART = /queued|running|waiting|paused|question|timer|cancelled|false/;
const mostFor = (value: unknown) => (PART.test(String(value)) ? MAX_BUFFERS_OF_PART : MAX_BUFFERS);

const schema = buildSchema(readFileSync(join(PACKAGE_ROOT, 'src/api/schema.graphql'), 'utf8'));
const fieldsOf = (type: string) => (schema.getType(type) as GraphQLInputObjectType).getFields();
const ordersOf = (type: string) =>
  (schema.getType(type) as GraphQLEnumType).getValues().map(({ name }) => name);
/** Filters of columns. The others are conditions on rows of other tables, `and`, `or` and `not`. */
const columnsOf = (type: string) =>
  Object.values(fieldsOf(type)).flatMap(({ name, type: of }) => {
    // a filter that compares a column; `agentExists` is a plain Boolean
    const compared = schema.getType(/(.*)Filter$/.exec(String(of))?.[1] ?? '');
    return isScalarType(compared) || isEnumType(compared) ? [name] : [];
  });

const LISTS = [
  { field: 'executions', type: 'Execution', within: 'sessionId' },
  { field: 'steps', type: 'Step', within: 'executionId' },
  { field: 'messages', type: 'Message', within: 'executionId' },
];

describe.each(BOTH)('a list of the %s tenant', (tenant) => {
  describe.each(LISTS)('of $field in GraphQL', ({ field, type, within }) => {
    const list = (args: string, variables: string, values: object) =>
      graphql(
        tenant,
        `query (${variables}) { ${field}(first: 100, ${args}) { nodes { __typename } } }`,
        values,
      );

    test.each(Object.keys(fieldsOf(`${type}Condition`)))('by condition %s', async (name) => {
      const of = String(fieldsOf(`${type}Condition`)[name]?.type);
      const inner = INNER[name];
      const values = inner ? [1] : (EQUAL[name] ?? SAMPLES[name])?.(tenants[tenant]);
      if (!values) throw new Error(`${name} has no sample in this test`);
      for (const value of values) {
        await expectIndexes(
          tenant,
          (known) => {
            const other = inner ? `, ${inner}: $inner` : '';
            return list(
              `condition: {${name}: $value${other}}`,
              `$value: ${of}${inner ? ', $inner: UUID' : ''}`,
              { value, ...(inner && { inner: SAMPLES[inner]?.(known)[0] }) },
            );
          },
          mostFor(value),
        );
      }
    });

    test.each(columnsOf(`${type}Filter`))('by filter %s', async (name) => {
      const inner = INNER[name];
      const values = inner ? [1] : SAMPLES[name]?.(tenants[tenant]);
      if (!values) throw new Error(`${name} has no sample in this test`);
      const operator = { metadata: 'contains', completedAt: 'greaterThan' }[name] ?? 'equalTo';
      for (const value of values) {
        await expectIndexes(
          tenant,
          (known) => {
            const filter = {
              [name]: { [operator]: value },
              ...(inner && { [inner]: { equalTo: SAMPLES[inner]?.(known)[0] } }),
            };
            return list('filter: $filter', `$filter: ${type}Filter`, { filter });
          },
          mostFor(value),
        );
      }
    });

    test.each(ordersOf(`${type}OrderBy`))('by order %s', async (order) => {
      const isInner = Object.keys(INNER).some((name) => order.startsWith(`${name.toUpperCase()}_`));
      await expectIndexes(tenant, (known) =>
        list(
          `orderBy: ${order}, condition: $condition`,
          `$condition: ${type}Condition`,
          isInner ? { condition: { [within]: SAMPLES[within]?.(known)[0] } } : {},
        ),
      );
    });
  });

  describe.each(['/api/executions', '/api/executions/stream'])('of runs at %s', (path) => {
    const REST: Readonly<Record<string, (known: KnownRows) => string[]>> = {
      is_root: () => ['true', 'false'],
      is_mine: () => ['true'],
      tag: () => ['tag3', 'none'],
    };
    const camel = (name: string) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

    test('without a filter', () =>
      expectIndexes(tenant, () => rest(tenant, `${path}?limit=100`.replace(/stream.*/, 'stream'))));

    test.each(Object.keys(runFilters))('by %s', async (name) => {
      const values = (REST[name] ?? SAMPLES[camel(name)])?.(tenants[tenant]);
      if (!values) throw new Error(`${name} has no sample in this test`);
      for (const value of values) {
        const text = typeof value === 'string' ? value : JSON.stringify(value);
        await expectIndexes(
          tenant,
          () => rest(tenant, `${path}?${name}=${encodeURIComponent(text)}`),
          mostFor(value),
        );
      }
    });
  });

  test('of changed runs, which all live lists read', async () => {
    const known = tenants[tenant];
    const statements = await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': known.tenant },
      async (client) => {
        const cursor = await currentCursor(client);
        const filters = [runConditions({ metadata: '{"channel": "web"}', status: ['failed'] })];
        return recordStatements(() => readChanges(client, runs, cursor, filters));
      },
    );
    await expectIndexes(tenant, async () => statements, 2 * MAX_BUFFERS_OF_PART);
  });

  test('of find_runs', () =>
    expectIndexes(tenant, async ({ order }) => [
      { text: 'select id from howdah.find_runs($1)', values: [JSON.stringify({ order })] },
      { text: 'select id from howdah.find_runs($1, 100)', values: ['{"channel": "web"}'] },
    ]));
});

// The other views count all runs of the tenant.
describe('a view of one run', () => {
  const SUMS = [
    'agent_performance',
    'alerts',
    'approval_times',
    'daily_usage',
    'failures',
    'limit_usage',
    'model_catalog',
    'model_usage',
    'permissions',
    'queue_health',
    'setting_values',
    'tool_performance',
    'usage_by_day',
    'violations',
  ];
  const VIEWS: Readonly<Record<string, string>> = {
    effects: 'execution_id',
    execution_counters: 'execution_id',
    execution_timeline: 'execution_id',
    execution_tree: 'root_execution_id',
    message_sources: 'execution_id',
    messages: 'execution_id',
    plan_tasks: 'execution_id',
    routing_decisions: 'execution_id',
  };

  test('is each view that has one', async () => {
    const views = await all(
      db.pool,
      `select viewname as name from pg_views where schemaname = 'howdah' order by 1`,
    );
    expect(views.map(({ name }) => name)).toEqual([...SUMS, ...Object.keys(VIEWS)].sort());
  });

  describe.each(BOTH)('of the %s tenant', (tenant) => {
    test.each(Object.entries(VIEWS))('%s by %s', (view, column) =>
      expectIndexes(tenant, async ({ run }) => [
        { text: `select * from howdah.${view} where ${column} = $1`, values: [run] },
      ]),
    );
  });
});
