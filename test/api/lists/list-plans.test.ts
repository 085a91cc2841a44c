import { describe, expect, test } from 'vitest';
import { runConditions, runs } from '../../../src/api/lists/list-filters.ts';
import { runFilters } from '../../../src/api/rest/runs/run-filters.ts';
import { EXECUTION_STATUSES } from '../../../src/contracts/runs/step.ts';
import { currentCursor, readChanges } from '../../../src/db/lists/list-changes.ts';
import { all, asRole } from '../../sql/support.ts';
import { recordStatements } from './explained.ts';
import type { KnownRows } from './large-tenants.ts';
import {
  BOTH,
  camel,
  columnsOf,
  fieldsOf,
  MAX_BUFFERS,
  ordersOf,
  planChecks,
  restLists,
} from './plan-checks.ts';

// Every filter and order of lists of runs, steps and messages, as the roles of tenants, at 200,000
// runs of a large and a small tenant (sql/README.md, "Row security and indexes"). The filters and
// orders are those of the API, so a new one without a sample fails. Other lists:
// side-list-plans.test.ts.

/**
 * Most buffers of a list of the 5,000 runs that have not ended, or of the 4,000 child runs, each of
 * which may be read once.
 */
const MAX_BUFFERS_OF_PART = 6_000;

const { pool, known, graphql, rest, expectIndexes } = planChecks(async (_db, rows) => rows);

/** Values for each column that filters take: several where the plans differ. */
const SAMPLES: Readonly<Record<string, (known: KnownRows) => unknown[]>> = {
  agentId: ({ agent }) => [agent],
  compensatesExecutionId: ({ run }) => [run],
  completedAt: () => [new Date(Date.now() - 3_600_000).toISOString()],
  concurrencyKey: () => ['key5', 'none'],
  forkedFromExecutionId: ({ run }) => [run],
  id: ({ run }) => [run],
  executionId: ({ run }) => [run],
  metadata: ({ order }) => [
    { order },
    { channel: 'web' },
    { tags: ['tag3'] },
    { none: 1 },
    { channel: 'web', order },
    { channel: 'web', tags: ['tag3'] },
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

const PART = /queued|running|waiting|paused|question|timer|false/;
const mostFor = (value: unknown) => ({
  buffers: PART.test(String(value)) ? MAX_BUFFERS_OF_PART : MAX_BUFFERS,
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
      const values = inner ? [1] : (EQUAL[name] ?? SAMPLES[name])?.(known(tenant));
      if (!values) throw new Error(`${name} has no sample in this test`);
      for (const value of values) {
        await expectIndexes(
          tenant,
          (rows) => {
            const other = inner ? `, ${inner}: $inner` : '';
            return list(
              `condition: {${name}: $value${other}}`,
              `$value: ${of}${inner ? ', $inner: UUID' : ''}`,
              { value, ...(inner && { inner: SAMPLES[inner]?.(rows)[0] }) },
            );
          },
          mostFor(value),
        );
      }
    });

    test.each(columnsOf(`${type}Filter`))('by filter %s', async (name) => {
      const inner = INNER[name];
      const values = inner ? [1] : SAMPLES[name]?.(known(tenant));
      if (!values) throw new Error(`${name} has no sample in this test`);
      const operator = { metadata: 'contains', completedAt: 'greaterThan' }[name] ?? 'equalTo';
      for (const value of values) {
        await expectIndexes(
          tenant,
          (rows) => {
            const filter = {
              [name]: { [operator]: value },
              ...(inner && { [inner]: { equalTo: SAMPLES[inner]?.(rows)[0] } }),
            };
            return list('filter: $filter', `$filter: ${type}Filter`, { filter });
          },
          mostFor(value),
        );
      }
    });

    test.each(ordersOf(`${type}OrderBy`))('by order %s', async (order) => {
      const isInner = Object.keys(INNER).some((name) => order.startsWith(`${name.toUpperCase()}_`));
      await expectIndexes(tenant, (rows) =>
        list(
          `orderBy: ${order}, condition: $condition`,
          `$condition: ${type}Condition`,
          isInner ? { condition: { [within]: SAMPLES[within]?.(rows)[0] } } : {},
        ),
      );
    });
  });

  describe.each(['/api/executions', '/api/executions/stream'])('of runs at %s', (path) => {
    const REST: Readonly<Record<string, (known: KnownRows) => string[]>> = {
      is_root: () => ['true', 'false'],
      is_mine: () => ['true'],
      tag: () => ['tag3', 'none'],
      ref: ({ order }) => [`order:${order}`, 'none:1'],
    };

    test('without a filter', () =>
      expectIndexes(tenant, () => rest(tenant, `${path}?limit=100`.replace(/stream.*/, 'stream'))));

    test.each(Object.keys(runFilters))('by %s', async (name) => {
      const values = (REST[name] ?? SAMPLES[camel(name)])?.(known(tenant));
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

  describe.each(restLists.filter(({ path }) => path.startsWith('/api/steps')))(
    'of steps at $path',
    ({ path, filters }) => {
      const samples: typeof SAMPLES = { ...SAMPLES, errors: () => [true], since: () => ['10m'] };

      test.each(filters)('by %s', async (name) => {
        const values = samples[camel(name)]?.(known(tenant));
        if (!values) throw new Error(`${name} has no sample in this test`);
        for (const value of values) {
          const from = name === 'since' ? '' : '&since=10m';
          await expectIndexes(tenant, () => rest(tenant, `${path}?${name}=${value}${from}`), {
            buffers: 2 * MAX_BUFFERS_OF_PART,
          });
        }
      });
    },
  );

  test('of changed runs, which all live lists read', async () => {
    const { tenant: id } = known(tenant);
    const statements = await asRole(
      pool(),
      'howdah_app',
      { 'howdah.tenant_id': id },
      async (client) => {
        const cursor = await currentCursor(client);
        const filters = [runConditions({ metadata: '{"channel": "web"}', status: ['failed'] })];
        return recordStatements(() => readChanges(client, runs, cursor, filters));
      },
    );
    await expectIndexes(tenant, async () => statements, { buffers: 2 * MAX_BUFFERS_OF_PART });
  });

  test('of runs by two tags that many runs have, but none has both', () =>
    expectIndexes(
      tenant,
      () => rest(tenant, '/api/executions?metadata={"channel":"web","region":"us"}'),
      {
        buffers: MAX_BUFFERS_OF_PART,
      },
    ));

  test('of runs of a row in GraphQL', () =>
    expectIndexes(tenant, ({ order }) =>
      graphql(
        tenant,
        'query ($ref: String) { executions(first: 100, filter: {ref: $ref}) { nodes { id } } }',
        { ref: `order:${order}` },
      ),
    ));

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
    'answer_cache',
    'approval_times',
    'batch_jobs',
    'daily_usage',
    'evaluation_items',
    'failures',
    'knowledge_health',
    'limit_usage',
    'model_catalog',
    'model_performance',
    'model_usage',
    'permissions',
    'preference_pairs',
    'quality_by_day',
    'queue_health',
    'setting_values',
    'stale_answers',
    'tool_answer_cache',
    'tool_performance',
    'training_examples',
    'usage_by_day',
    'violations',
  ];
  const VIEWS: Readonly<Record<string, string>> = {
    effects: 'execution_id',
    execution_counters: 'execution_id',
    execution_timeline: 'execution_id',
    execution_tree: 'root_execution_id',
    grade_queue: 'evaluation_id',
    message_sources: 'execution_id',
    messages: 'execution_id',
    plan_tasks: 'execution_id',
    rewards: 'execution_id',
    routing_decisions: 'execution_id',
  };

  test('is each view that has one', async () => {
    const views = await all(
      pool(),
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

    test('messages by session', () =>
      expectIndexes(tenant, async ({ session }) => [
        { text: 'select * from howdah.messages where session_id = $1', values: [session] },
      ]));
  });
});
