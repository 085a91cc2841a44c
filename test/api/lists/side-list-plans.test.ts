import { describe, expect, test } from 'vitest';
import { questionConditions } from '../../../src/api/lists/list-filters.ts';
import { questions } from '../../../src/api/lists/question-rows.ts';
import { watchedRowConditions, watchedRows } from '../../../src/api/lists/watched-rows.ts';
import { enumLabels } from '../../../src/contracts/enum-labels.generated.ts';
import { EXECUTION_STATUSES } from '../../../src/contracts/runs/step.ts';
import { currentCursor, readChanges } from '../../../src/db/lists/list-changes.ts';
import { allResources } from '../../../src/resources/all-resources.generated.ts';
import { asRole } from '../../sql/support.ts';
import { recordStatements } from './explained.ts';
import {
  BOTH,
  camel,
  columnsOf,
  fieldsOf,
  listsOfGraphql,
  MAX_BUFFERS,
  ordersOf,
  planChecks,
  restLists,
  valuesOf,
} from './plan-checks.ts';
import { type KnownSideRows, knownSideRows, makeSideRows } from './side-rows.ts';

// Every filter and order of the lists that grow with the runs, besides runs, steps and messages
// (list-plans.test.ts): 50,000 rows of each beside 200,000 runs, as the roles of tenants. The
// lists, filters and orders are those of the API, so a new one without a sample fails.

const { pool, known, graphql, rest, expectIndexes } = planChecks(knownSideRows, makeSideRows);

/** Most rows that a list of 101 reads, with those it reads beside each: 5 % of a table. */
const MAX_ROWS = 2_500;
const MOST = { buffers: 2 * MAX_BUFFERS, rows: MAX_ROWS };
/** Each watched row is shown with its run, agent and watch, and may be any of 5,000 open runs. */
const MAX_FOR_WATCHED_ROWS = { buffers: 30_000, rows: 6_000 };
/** The status is that of the run: at `cancelled`, all runs of the tenant may be joined. */
const MAX_FOR_STATUS = { buffers: 30_000 };

/** The newest 1,000 sessions are read with their newest turns. */
const MAX_FOR_WORDS = { buffers: 20_000 };

function mostAt(path: string, filter?: string) {
  if (filter === 'words') return MAX_FOR_WORDS;
  if (!path.includes('watched-rows')) return MOST;
  return filter === 'status' ? MAX_FOR_STATUS : MAX_FOR_WATCHED_ROWS;
}

/** Lists of the API that grow with the runs. Another test has those of runs, steps and messages. */
const TYPES = [
  ...[
    'AuditLog',
    'BoardEntry',
    'Chunk',
    'DatasetItem',
    'Document',
    'EvaluationResult',
    'FeedbackEntry',
    'Grade',
    'InboundDelivery',
    'Mail',
    'Memory',
    'Question',
    'Resource',
  ],
  ...['Session', 'Todo', 'WatchedRow', 'WebhookDelivery'],
];
const OF_RUNS = ['Execution', 'Message', 'Step'];

/**
 * Lists that stay small beside those of definitions (`kind` in table_rules.sql), which people make
 * one by one: Postgres may read all of them.
 */
const SMALL = [
  ...['AgentSystemVersion', 'AgentVersion', 'ConnectedAccount', 'Evaluation', 'ModelTest'],
  ...['PromptVersion', 'SavedView', 'SkillVersion', 'StatusTransition', 'WorkflowVersion'],
];

/** Views of one run, or sums of all (list-plans.test.ts). `searchesOf` reads those of one base. */
const VIEWS = [
  'KnowledgeSearch',
  ...['AgentPerformance', 'ApprovalTime', 'DailyUsage', 'Effect', 'ExecutionTimeline', 'Failure'],
  ...['ExecutionTree', 'LimitUsage', 'MessageSource', 'ModelCatalog', 'ModelPerformance'],
  ...['ModelUsage', 'Permission'],
  ...[
    'PlanTask',
    'QualityByDay',
    'RoutingDecision',
    'SettingValue',
    'ToolAnswerCache',
    'ToolPerformance',
    'UsageByDay',
  ],
  ...[
    'AnswerCache',
    'EvaluationItem',
    'GradeQueue',
    'KnowledgeHealth',
    'PreferencePair',
    'TrainingExample',
    'Reward',
    'StaleAnswer',
  ],
];

type Samples = Readonly<Record<string, (known: KnownSideRows) => readonly unknown[]>>;

const RECENT = () => [new Date(Date.now() - 3_600_000).toISOString()];

/** Values of columns: several where the plans differ. Ids are those of a rare row by default. */
const SAMPLES: Samples = {
  agentId: ({ agents }) => agents,
  fromAgentId: ({ agents }) => agents,
  toAgentId: ({ agents }) => agents,
  tableTriggerId: ({ watches }) => watches,
  webhookId: ({ webhooks }) => webhooks,
  inboundHookId: ({ inboundHooks }) => inboundHooks,
  userId: ({ user }) => [user],
  'AuditLog.userId': ({ row, user }) => [row, user],
  createdAt: RECENT,
  expiresAt: RECENT,
  lastReceivedAt: RECENT,
  updatedAt: RECENT,
  'AuditLog.seq': () => [100500],
  'Chunk.seq': () => [1],
  knowledgeBaseId: ({ bases }) => bases,
  day: () => ['2026-02-01', '2027-01-01'],
  datasetId: ({ datasets }) => datasets,
  evaluationId: ({ evaluations }) => evaluations,
  'Todo.position': () => [1],
  'BoardEntry.key': () => ['plan'],
  'WebhookDelivery.event': () => ['execution.rare', 'execution.common', 'none'],
  chatKey: ({ number }) => [`chat${number}`, 'none'],
  deliveryId: ({ number }) => [`d${number}`, 'none'],
  objectId: ({ row }) => [row],
  storagePath: () => ['none'],
  uri: ({ number }) => [`test:${number}`],
  type: () => ['text/rare', 'text/common', 'text/none'],
  ...Object.fromEntries(
    ['action', 'actor', 'createdBy', 'decidedBy', 'name', 'object', 'title'].map((name) => [
      name,
      () => ['rare', 'common', 'none'],
    ]),
  ),
};

/** Columns within a run or session, which another filter names. */
const INNER: Readonly<Record<string, string>> = {
  'Chunk.seq': 'documentId',
  'Todo.position': 'sessionId',
  'BoardEntry.key': 'rootExecutionId',
};

function samplesOf(
  type: string,
  name: string,
  typeName: string,
  rows: KnownSideRows,
): readonly unknown[] {
  const given = SAMPLES[`${type}.${name}`] ?? SAMPLES[name];
  const values =
    given?.(rows) ?? valuesOf(typeName) ?? (typeName === 'UUID' ? [rows.row] : undefined);
  if (!values) throw new Error(`${type}.${name} has no sample in this test`);
  return values;
}

const lists = listsOfGraphql();

/** Returns the tables of definitions. */
const definitions = async () => {
  const { rows } = await pool().query<{ object: string }>(
    `select object from howdah_private.table_rules() where kind = 'definition'`,
  );
  return rows.map(({ object }) => object);
};
const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

test('covers each list of GraphQL', async () => {
  const defined = await definitions();
  const others = lists.filter(({ field }) => !defined.includes(snake(field)));
  const types = others.map(({ type }) => type).sort();
  expect(types).toEqual([...TYPES, ...OF_RUNS, ...SMALL, ...VIEWS].sort());
});

describe.each(BOTH)('a list of the %s tenant', (tenant) => {
  const tested = lists.filter(({ type }) => TYPES.includes(type));

  describe.each(tested)('of $field in GraphQL', ({ field, type }) => {
    const list = (args: string, variables: string, values: object) =>
      graphql(
        tenant,
        `query (${variables}) { ${field}(first: 100, ${args}) { nodes { __typename } } }`,
        values,
      );

    test.each(Object.keys(fieldsOf(`${type}Condition`)))('by condition %s', async (name) => {
      const of = String(fieldsOf(`${type}Condition`)[name]?.type);
      const inner = INNER[`${type}.${name}`];
      for (const value of samplesOf(type, name, of, known(tenant))) {
        const outer = inner === undefined ? '' : `, ${inner}: $inner`;
        await expectIndexes(
          tenant,
          ({ row }) =>
            list(
              `condition: {${name}: $value${outer}}`,
              `$value: ${of}${inner === undefined ? '' : ', $inner: UUID'}`,
              { value, ...(inner !== undefined && { inner: row }) },
            ),
          MOST,
        );
      }
    });

    test.each(columnsOf(`${type}Filter`))('by filter %s', async (name) => {
      const of = String(fieldsOf(`${type}Filter`)[name]?.type).replace(/Filter$/, '');
      const inner = INNER[`${type}.${name}`];
      const operator = of === 'Datetime' ? 'greaterThan' : 'equalTo';
      for (const value of samplesOf(type, name, of, known(tenant))) {
        await expectIndexes(
          tenant,
          ({ row }) => {
            const outer = inner !== undefined && { [inner]: { equalTo: row } };
            const filter = { [name]: { [operator]: value }, ...outer };
            return list('filter: $filter', `$filter: ${type}Filter`, { filter });
          },
          MOST,
        );
      }
    });

    test.each(ordersOf(`${type}OrderBy`))('by order %s', async (order) => {
      const inner = Object.entries(INNER).find(([column]) =>
        order.startsWith(`${column.replace(`${type}.`, '').toUpperCase()}_`),
      )?.[1];
      await expectIndexes(
        tenant,
        ({ row }) =>
          list(`orderBy: ${order}, condition: $condition`, `$condition: ${type}Condition`, {
            condition: inner === undefined ? {} : { [inner]: row },
          }),
        MOST,
      );
    });
  });
});

/** The lists of REST that grow with the runs, with values of filters that are none of the above. */
const PATHS: Readonly<Record<string, Samples>> = {
  '/api/questions': {
    status: () => enumLabels.question_status,
    kind: () => enumLabels.question_kind,
  },
  '/api/questions/stream': {
    status: () => enumLabels.question_status,
    kind: () => enumLabels.question_kind,
    isMine: () => [true],
  },
  ...Object.fromEntries(
    ['/api/watched-rows', '/api/watched-rows/stream'].map((path) => [
      path,
      {
        table: () => ['shop.rare', 'shop.common'],
        row: ({ number }) => [`{"id": ${number}}`, '{"id": -1}'],
        status: () => [...EXECUTION_STATUSES],
        writeBack: () => enumLabels.write_back_status,
      } satisfies Samples,
    ]),
  ),
  '/sessions': { words: () => ['order', 'none'] },
  '/api/webhook-deliveries': { status: () => enumLabels.delivery_status },
  '/api/inbound-deliveries': { status: () => enumLabels.inbound_status },
  '/api/audit-log': { since: RECENT, until: RECENT },
  '/api/resources': {},
  // refused without the base or the evaluation, so no list of a tenant has them
  '/api/documents': { status: () => [], words: () => [] },
  '/api/dataset-items': {},
  '/api/grades': {},
  '/api/searches': {},
  '/api/evaluation-results': { passed: () => [] },
  '/api/memories': {
    isValid: () => ['true', 'false'],
    isPinned: () => ['true', 'false'],
    proposalStatus: () => enumLabels.proposal_status,
  },
};
const EVENTS: Samples = { event: () => ['execution.rare', 'execution.common', 'none'] };
/**
 * Lists of list-plans.test.ts, sums of the days of a rollup, the check of the audit log, which
 * reads rows by their primary key, views of evaluations, and paths of one row. The view of quality
 * has a test of its own.
 */
const OTHER_PATHS =
  /^\/api\/(executions|steps|usage|audit-log\/check|grade-queue|training-examples|preference-pairs|quality-by-day)\b|\{/;
/** Lists that stay small beside those of resources that are definitions. */
const SMALL_PATHS = /^\/(api\/)?(agent|connected-accounts|evaluations|saved-views|tool)/;

const routes = restLists.filter(({ path }) => !OTHER_PATHS.test(path));

describe('a list of REST', () => {
  test('is known to this test', async () => {
    const defined = await definitions();
    const ofDefinitions = allResources
      .filter(({ table }) => defined.includes(table))
      .map(({ path }) => path);
    const isSmall = (path: string) =>
      SMALL_PATHS.test(path) || ofDefinitions.some((own) => path.startsWith(own));
    const large = routes.map(({ path }) => path).filter((path) => !isSmall(path));
    expect(large.sort()).toEqual(Object.keys(PATHS).sort());
  });

  const growing = routes.filter(({ path }) => path in PATHS);

  describe.each(BOTH)('of the %s tenant', (tenant) => {
    describe.each(growing)('at $path', ({ path, filters }) => {
      test('without a filter', () => expectIndexes(tenant, () => rest(tenant, path), mostAt(path)));

      test.each(filters)('by %s', async (name) => {
        const samples: Samples = { ...SAMPLES, ...EVENTS, ...PATHS[path] };
        const given: Samples[string] | undefined =
          samples[camel(name)] ?? (name.endsWith('_id') ? ({ row }) => [row] : undefined);
        if (!given) throw new Error(`${name} at ${path} has no sample in this test`);
        for (const value of given(known(tenant))) {
          await expectIndexes(
            tenant,
            () => rest(tenant, `${path}?${name}=${encodeURIComponent(String(value))}`),
            mostAt(path, name),
          );
        }
      });
    });

    test.each(['questions', 'watched rows'])(
      'of changed %s, which live lists read',
      async (list) => {
        const { tenant: id, number } = known(tenant);
        const statements = await asRole(
          pool(),
          'howdah_app',
          { 'howdah.tenant_id': id },
          async (client) => {
            const cursor = await currentCursor(client);
            const filter = await watchedRowConditions(client, { row: `{"id": ${number}}` });
            return recordStatements(() =>
              list === 'questions'
                ? readChanges(client, questions, cursor, [questionConditions({ kind: 'effect' })])
                : readChanges(client, watchedRows, cursor, [filter]),
            );
          },
        );
        await expectIndexes(tenant, async () => statements, { buffers: 40_000 });
      },
    );
  });
});

test('the tool search_messages reads a bounded number of messages', () =>
  expectIndexes(
    'large',
    async ({ row }) => [
      {
        text: 'select howdah_private.call_search_messages($1, $2)',
        values: [row, '{"query": "question"}'],
      },
    ],
    { buffers: 10_000 },
    ['howdah_engine'],
  ));

describe.each(BOTH)('the quality of two days of the %s tenant', (tenant) => {
  test('in SQL reads the results of these days', () =>
    expectIndexes(
      tenant,
      async ({ agents }) =>
        ['', 'and agent_id = $1', 'and grader is null and agent_id = $1'].map((condition) => ({
          text: `select * from howdah.quality_by_day
                 where day between '2026-02-01' and '2026-02-02' ${condition}`,
          values: condition === '' ? [] : [agents[0]],
        })),
      { buffers: 3 * 2 * MAX_BUFFERS, rows: 3 * MAX_ROWS },
    ));

  test('over REST reads the results of these days', () =>
    expectIndexes(
      tenant,
      () => rest(tenant, '/api/quality-by-day?since=2026-02-01&until=2026-02-02&grader=words'),
      MOST,
    ));
});
