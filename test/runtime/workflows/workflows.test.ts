import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FakeServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { committed, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { childrenOf, findViolations, kindsOf, waitForEnd } from '../arrange.ts';
import { makeDecidingModel, makeTeam, startMembers, startTeam, type TeamSpec } from '../teams.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
let agent: (part: string) => Promise<string>;

let drafts = 0;
const behave = {
  shout: (input: string) => `${input.toUpperCase()}!`,
  twice: (input: string) => `${input} ${input}`,
  red: () => 'red',
  'also red': () => 'Red.',
  blue: () => 'blue',
  broken: () => {
    throw new Error('this member is broken');
  },
  picky: (input: string) => {
    if (input === 'bad') throw new Error('I do not do that');
    return input;
  },
  drafter: () => `draft ${++drafts}`,
  critic: (input: string) =>
    input.includes('draft 2')
      ? '{"score": 0.9, "passed": true, "feedback": ""}'
      : '{"score": 0.4, "passed": false, "feedback": "make it the second one"}',
  harsh: (input: string) => `{"score": ${input.includes('draft 2') ? 0.6 : 0.3}, "passed": false}`,
  talker: () => 'I would say this is not bad at all.',
};

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  ({ server, agent } = await startMembers(database.pool, behave));
});
afterEach(async () => {
  drafts = 0;
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
  await server.close();
});

/** Makes members that play these parts, each named by its part unless it has a name. */
async function members(...parts: (keyof typeof behave)[]): Promise<TeamSpec['members']> {
  const agents = await Promise.all(parts.map((part) => agent(part)));
  return agents.map((id, at) => {
    const part = parts[at] as string;
    const before = parts.slice(0, at).filter((one) => one === part).length;
    return { agent: id, role: before === 0 ? part : `${part} ${before + 1}` };
  });
}

async function runTeam(spec: TeamSpec, input = 'go', data: unknown = null) {
  const { pool } = database;
  const run = await waitForEnd(
    pool,
    await startTeam(pool, await makeTeam(pool, spec), input, data),
  );
  return { ...run, children: await childrenOf(pool, run.id) };
}

describe('a chain', () => {
  test('passes each answer to the next member', async () => {
    const run = await runTeam({ type: 'chain', members: await members('shout', 'twice') });
    expect(run).toMatchObject({ status: 'completed', output: 'GO! GO!' });
    expect(run.children.map(({ input }) => input)).toEqual(['go', 'GO!']);
    expect(await kindsOf(database.pool, run.id)).toBe(
      'child_started child child_started child output',
    );
  });

  test('passes the task and all earlier answers when it is cumulative', async () => {
    const run = await runTeam({
      type: 'chain',
      members: await members('red', 'blue', 'shout'),
      configuration: { cumulative: true },
    });
    expect(run.output).toBe('GO\n\nRED:\nRED\n\nBLUE:\nBLUE!');
  });

  test('stops when its condition holds', async () => {
    const run = await runTeam({
      type: 'chain',
      members: await members('blue', 'red', 'shout'),
      configuration: { stop_when: "output == 'red'" },
    });
    expect(run).toMatchObject({ status: 'completed', output: 'red' });
    expect(run.children).toHaveLength(2);
  });

  test('fails when a member fails, and reports the cause', async () => {
    const run = await runTeam({ type: 'chain', members: await members('broken', 'shout') });
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'member_failed', message: expect.stringContaining('this member is broken') },
    });
  });
});

describe('parallel members', () => {
  test('all receive the task, and their answers are joined', async () => {
    const run = await runTeam({
      type: 'parallel',
      members: await members('red', 'blue', 'shout'),
      configuration: { max_concurrency: 2 },
    });
    expect(run).toMatchObject({
      status: 'completed',
      output: 'red:\nred\n\nblue:\nblue\n\nshout:\nGO!',
      output_data: { red: 'red', blue: 'blue', shout: 'GO!' },
    });
  });

  test('pass their answers to an aggregator through a template', async () => {
    const run = await runTeam({
      type: 'parallel',
      members: await members('red', 'blue', 'shout'),
      configuration: { aggregator: 'shout', template: '{{red}} or {{blue}} for {{input}}' },
    });
    expect(run.output).toBe('RED OR BLUE FOR GO!');
  });

  test('fail together, ignore a failure or require a quorum, as configured', async () => {
    const all = await members('red', 'broken', 'blue');
    const failing = await runTeam({ type: 'parallel', members: all });
    const ignoring = await runTeam({
      type: 'parallel',
      members: all,
      configuration: { on_failure: 'ignore' },
    });
    const quorum = (quorum: number) =>
      runTeam({ type: 'parallel', members: all, configuration: { on_failure: 'quorum', quorum } });
    expect(failing).toMatchObject({ status: 'failed', error: { code: 'member_failed' } });
    expect(ignoring).toMatchObject({ status: 'completed', output: 'red:\nred\n\nblue:\nblue' });
    expect(await quorum(2)).toMatchObject({ status: 'completed' });
    expect(await quorum(3)).toMatchObject({ status: 'failed' });
  });
});

describe('a router', () => {
  test('lets a model choose a member by name', async () => {
    const run = await runTeam({
      type: 'router',
      members: await members('red', 'shout'),
      configuration: await makeDecidingModel(database.pool, 'route', {
        members: [{ member: 'shout', confidence: 0.9, reason: 'it is to be loud' }],
      }),
    });
    expect(run).toMatchObject({ status: 'completed', output: 'GO!', tokens_in: '10' });
    expect(await kindsOf(database.pool, run.id)).toBe('model tool child_started child output');
  });

  test('rejects an unknown member, and uses the fallback at low confidence', async () => {
    const run = await runTeam({
      type: 'router',
      members: await members('red', 'shout'),
      configuration: {
        min_confidence: 0.5,
        fallback: 'red',
        ...(await makeDecidingModel(
          database.pool,
          'route',
          { members: [{ member: 'nobody', confidence: 1, reason: '' }] },
          { members: [{ member: 'shout', confidence: 0.2, reason: 'a guess' }] },
        )),
      },
    });
    expect(run).toMatchObject({ status: 'completed', output: 'red' });
    expect(await kindsOf(database.pool, run.id)).toMatch(/^model guard model tool /);
    const { rows } = await database.pool.query(
      `select output ->> 'message' as reason from howdah.steps where execution_id = $1 and kind = 'guard'`,
      [run.id],
    );
    expect(rows).toEqual([
      { reason: expect.stringMatching(/^This does not fit: members\.0\.member/) },
    ]);
  });

  test('uses lexical similarity alone when configured', async () => {
    const { pool } = database;
    const [orders, weather] = await members('red', 'blue');
    await pool.query(
      `update howdah.agents set description = case id when $1 then 'answers questions about orders and deliveries'
         else 'knows the weather' end where id in ($1, $2)`,
      [orders?.agent, weather?.agent],
    );
    const team = {
      type: 'router',
      members: [orders, weather] as TeamSpec['members'],
      configuration: { method: 'lexical' },
    };
    expect((await runTeam(team, 'How is the weather in Bonn?')).output).toBe('blue');
    expect((await runTeam(team, 'Where are my orders?')).output).toBe('red');
    const lost = await runTeam(team, 'Sing!');
    expect(lost).toMatchObject({ status: 'failed', error: { code: 'no_route' } });
    const { rows: decisions } = await pool.query(
      `select method, chosen, chosen_agent_id, reason, jsonb_path_query_array(candidates, '$[*].score') as scores
         from howdah.routing_decisions where execution_id = $1`,
      [lost.id],
    );
    const decision = {
      method: 'lexical',
      chosen: [],
      chosen_agent_id: null,
      reason: expect.stringContaining('configuration.fallback is not set'),
      scores: [0, 0],
    };
    expect(decisions).toEqual([decision]);
    expect(await kindsOf(pool, lost.id)).toBe('tool error');
  });
});

describe('an orchestrator', () => {
  test('plans steps, receives their results and answers', async () => {
    const run = await runTeam({
      type: 'orchestrator',
      members: await members('red', 'shout', 'twice'),
      configuration: await makeDecidingModel(
        database.pool,
        'plan',
        {
          steps: [
            [
              { member: 'red', task: 'a colour' },
              { member: 'shout', task: 'hear' },
            ],
            [{ member: 'twice', task: 'again' }],
          ],
        },
        { answer: 'red, HEAR! and again again' },
      ),
    });
    expect(run).toMatchObject({ status: 'completed', output: 'red, HEAR! and again again' });
    expect(run.children.map(({ input }) => input)).toEqual(['a colour', 'hear', 'again']);
    expect(await kindsOf(database.pool, run.id)).toBe(
      'model tool child_started child_started child child child_started child model output',
    );
    const { rows } = await database.pool.query(
      `select plan, step, position, member, task, status, output from howdah.plan_tasks
       where execution_id = $1 order by 1, 2, 3`,
      [run.id],
    );
    expect(rows.map((row) => Object.values(row).join(' '))).toEqual([
      '1 1 1 red a colour completed red',
      '1 1 2 shout hear completed HEAR!',
      '1 2 1 twice again completed again again',
    ]);
  });

  test('plans again when a task fails, up to a maximum', async () => {
    const plan = {
      steps: [[{ member: 'broken', task: 'try' }], [{ member: 'red', task: 'never' }]],
    };
    const mended = await runTeam({
      type: 'orchestrator',
      members: await members('red', 'broken'),
      configuration: await makeDecidingModel(database.pool, 'plan', plan, {
        answer: 'it could not be done',
      }),
    });
    expect(mended).toMatchObject({ status: 'completed', output: 'it could not be done' });
    expect(mended.children).toHaveLength(1);
    const stubborn = await runTeam({
      type: 'orchestrator',
      members: await members('red', 'broken'),
      configuration: {
        max_plans: 2,
        ...(await makeDecidingModel(database.pool, 'plan', plan, plan, plan, plan, plan)),
      },
    });
    expect(stubborn).toMatchObject({ status: 'failed' });
    expect(stubborn.children).toHaveLength(2);
    const { rows } = await database.pool.query(
      `select concat_ws(' ', plan, step, member, status) as task from howdah.plan_tasks
       where execution_id = $1 order by plan, step`,
      [stubborn.id],
    );
    expect(rows.map(({ task }) => task)).toEqual([
      '1 1 broken failed',
      '1 2 red planned',
      '2 1 broken failed',
      '2 2 red planned',
    ]);
  });
});

describe('an evaluator and a generator', () => {
  test('repeat until the answer is good enough', async () => {
    const run = await runTeam({
      type: 'evaluator_optimizer',
      members: await members('drafter', 'critic'),
    });
    expect(run).toMatchObject({ status: 'completed', output: 'draft 2' });
    expect(run.children[2]?.input).toContain('make it the second one');
  });

  test('return the best answer when the rounds are used up', async () => {
    const run = await runTeam({
      type: 'evaluator_optimizer',
      members: await members('drafter', 'harsh'),
      configuration: { max_rounds: 3 },
    });
    expect(run).toMatchObject({ status: 'completed', output: 'draft 2' });
    expect(run.children).toHaveLength(6);
  });

  test('use the deciding model when the evaluator answers in prose', async () => {
    const run = await runTeam({
      type: 'evaluator_optimizer',
      members: await members('drafter', 'talker'),
      configuration: await makeDecidingModel(
        database.pool,
        'judge',
        { score: 0.5, passed: false, feedback: 'once more' },
        { score: 1, passed: true, feedback: '' },
      ),
    });
    expect(run).toMatchObject({ status: 'completed', output: 'draft 2' });
  });
});

describe('a vote', () => {
  test('elects the answer of the majority, however it is written', async () => {
    const run = await runTeam({
      type: 'voting',
      members: await members('blue', 'red', 'also red'),
    });
    expect(run).toMatchObject({ status: 'completed', output: 'red' });
  });

  test('weighs voters, and can fail on a tie', async () => {
    const [blue, red] = await members('blue', 'red');
    const weighted = await runTeam({
      type: 'voting',
      members: [blue, { ...red, configuration: { weight: 3 } }] as TeamSpec['members'],
      configuration: { method: 'weighted' },
    });
    expect(weighted.output).toBe('red');
    const tie = { type: 'voting', members: [blue, red] as TeamSpec['members'] };
    expect((await runTeam(tie)).output).toBe('blue');
    expect(await runTeam({ ...tie, configuration: { ties: 'fail' } })).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('tie') },
    });
  });
});

describe('a map', () => {
  test('passes each item to the worker and keeps the order', async () => {
    const run = await runTeam(
      { type: 'map', members: await members('shout'), configuration: { max_concurrency: 2 } },
      '',
      ['a', 'b', 'c', 'd', 'e'],
    );
    expect(run).toMatchObject({
      status: 'completed',
      output_data: ['A!', 'B!', 'C!', 'D!', 'E!'],
    });
  });

  test('renders its template for each object', async () => {
    const run = await runTeam(
      {
        type: 'map',
        members: await members('shout'),
        configuration: { template: '{{input}}: {{name}} of {{item.city}}', on_failure: 'ignore' },
      },
      'greet',
      [
        { name: 'ann', city: 'bonn' },
        { name: 'bob', city: 'köln' },
      ],
    );
    expect(run.output_data).toEqual(['GREET: ANN OF BONN!', 'GREET: BOB OF KÖLN!']);
  });

  test('returns null for a failed worker, or fails, as configured', async () => {
    const map = { type: 'map', members: await members('picky') };
    const ignoring = { ...map, configuration: { on_failure: 'ignore' } };
    expect((await runTeam(ignoring, '', ['good', 'bad', 'good'])).output_data).toEqual([
      'good',
      null,
      'good',
    ]);
    expect(await runTeam(map, '', ['good', 'bad', 'good'])).toMatchObject({ status: 'failed' });
    await expect(runTeam({ type: 'map', members: await members('shout') })).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('input_data'),
    });
  });
});

describe('a map over a query', () => {
  test('passes each row to the worker; the query runs once, with the rights of the run', async () => {
    const { pool } = database;
    const map = (query: string, configuration: object = {}) => ({
      type: 'map',
      configuration: { query, template: '{{name}} has {{n}}', ...configuration },
      members: [] as TeamSpec['members'],
    });
    const query = `select 'row ' || i as name, i as n from generate_series(1, 3) as i order by i -- three`;
    const run = await runTeam({ ...map(query), members: await members('shout') });
    expect(run.error).toBeNull();
    expect(run).toMatchObject({
      status: 'completed',
      output_data: ['ROW 1 HAS 1!', 'ROW 2 HAS 2!', 'ROW 3 HAS 3!'],
    });
    expect(await kindsOf(pool, run.id)).toMatch(/^tool child_started/);
    for (const bad of [
      'selec 1',
      'delete from howdah.agents',
      'with gone as (delete from howdah.agents returning id) select * from gone',
      'select 1; select 2',
      'select * from howdah_private.workers',
      'select 1 as n from generate_series(1, 20000)',
    ]) {
      const refused = await runTeam({ ...map(bad), members: await members('shout') });
      expect(refused).toMatchObject({
        status: 'failed',
        error: { message: expect.stringContaining('configuration.query') },
      });
      expect(refused.children).toEqual([]);
    }
    const wrong = await runTeam({
      ...map('select 1 as n,\n  "ü" as x, nam from (values (\'a\')) as people (name)'),
      members: await members('shout'),
    });
    expect(wrong.error).toMatchObject({
      code: 'query_failed',
      message: expect.stringMatching(
        /^configuration\.query, line 2, column 3: column "ü" does not exist/,
      ),
      cause: { field: 'configuration.query', sqlstate: '42703', position: 18, line: 2, column: 3 },
    });
    const near = map('select nam from (values (1)) as people (name)');
    expect((await runTeam({ ...near, members: await members('shout') })).error).toMatchObject({
      message: expect.stringContaining('column 8: column "nam" does not exist (Perhaps you meant'),
      cause: { hint: expect.stringContaining('people.name') },
    });
  });

  /** Runs a map over this query, with this configuration of the tenant's `sql_query`. */
  async function mapOver(query: string, settings: object = {}) {
    const { pool } = database;
    const configure = (configuration: object) =>
      pool.query(`update howdah.tools set configuration = $1 where name = 'sql_query'`, [
        configuration,
      ]);
    await configure(settings);
    try {
      return await runTeam({
        type: 'map',
        configuration: { query, template: '{{name}}' },
        members: await members('shout'),
      });
    } finally {
      await configure({});
    }
  }

  test.each([
    ['howdah_analyst', 'completed'],
    ['howdah_app', 'failed'],
    [null, 'failed'],
  ])('with tables readable by %s: %s', async (role, status) => {
    const { pool } = database;
    const schema = `of_${role}`;
    await pool.query(
      `create schema ${schema}; create table ${schema}.items as select 'tea' as name`,
    );
    if (role) {
      await pool.query(
        `grant usage on schema ${schema} to ${role}; grant all on ${schema}.items to ${role}`,
      );
    }
    const settings = { schemas: [schema] };
    const run = await mapOver(`select name from ${schema}.items`, settings);
    expect(run.status).toBe(status);
    if (status === 'completed') expect(run.output_data).toEqual(['TEA!']);
    else expect(run.error).toMatchObject({ cause: { sqlstate: '42501' } });
    const writing = `with gone as (delete from ${schema}.items returning name) select name from gone`;
    expect(await mapOver(writing, settings)).toMatchObject({ status: 'failed' });
    expect((await pool.query(`select from ${schema}.items`)).rowCount).toBe(1);
  });

  test('cannot read a watched table, whoever watches it', async () => {
    const { pool } = database;
    await pool.query(
      `create schema help; grant usage on schema help to howdah_analyst;
       create table help.tickets (id int primary key, body text, name text);
       insert into help.tickets values (1, 'x', 'Dear Mara, your code is 9911');
       select howdah.watch_table('help.tickets', agent => 'development', into_column => 'name')`,
    );
    const run = await mapOver('select id, name from help.tickets', { schemas: ['help'] });
    expect(run).toMatchObject({ status: 'failed', error: { cause: { sqlstate: '42501' } } });
    expect(run.children).toEqual([]);
  });

  test('reads schemas that an admin configured for sql_query, and rejects an expensive query', async () => {
    const { pool } = database;
    await pool.query(
      `create schema cellar; create table cellar.wines as select 'red' as name;
       grant usage on schema cellar to howdah_analyst; grant select on cellar.wines to howdah_analyst`,
    );
    const query = 'select name from cellar.wines';
    expect((await mapOver(query)).error).toMatchObject({
      message: expect.stringContaining('cellar.wines is in none of the schemas'),
    });
    expect((await mapOver(query, { schemas: ['cellar'] })).output_data).toEqual(['RED!']);
    const large = `select count(*)::text as name from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b`;
    expect((await mapOver(large)).error).toMatchObject({
      message: expect.stringContaining('the query is too expensive'),
      cause: { sqlstate: 'HWINV' },
    });
  });
});

describe('a graph', () => {
  test('follows edges whose conditions hold, and joins branches', async () => {
    const run = await runTeam({
      type: 'graph',
      members: await members('red', 'blue', 'shout', 'twice'),
      configuration: {
        start: ['red', 'blue'],
        edges: [
          { from: 'red', to: 'twice', when: "output == 'red'" },
          { from: 'blue', to: 'twice' },
          { from: 'red', to: 'shout', when: "output == 'green'" },
        ],
      },
    });
    expect(run).toMatchObject({ status: 'completed' });
    expect(run.children).toHaveLength(3);
    expect(run.children[2]?.input).toMatch(/red:\nred/);
    expect(run.children[2]?.input).toMatch(/blue:\nblue/);
  });

  test('may loop, up to a maximum number of visits', async () => {
    const loop = async (configuration: TeamSpec['configuration']) =>
      runTeam({
        type: 'graph',
        members: await members('drafter', 'twice'),
        configuration: {
          start: 'drafter',
          edges: [
            { from: 'drafter', to: 'twice' },
            { from: 'twice', to: 'drafter', when: "!output.contains('draft 3')" },
          ],
          ...configuration,
        },
      });
    expect(await loop({})).toMatchObject({ status: 'completed', output: 'draft 3 draft 3' });
    drafts = 10;
    expect(await loop({ max_visits: 3 })).toMatchObject({
      status: 'failed',
      stop_reason: 'loop_guard',
    });
  });

  test('reports an invalid condition', async () => {
    const run = await runTeam({
      type: 'graph',
      members: await members('red', 'blue'),
      configuration: { start: 'red', edges: [{ from: 'red', to: 'blue', when: 'output +' }] },
    });
    expect(run).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('edges[0].when') },
    });
  });
});

test('a graph of an earlier release with too many edges is read, and its runs fail', async () => {
  const edges = [{ from: 'shout', to: 'twice' }];
  const id = await makeTeam(database.pool, {
    type: 'graph',
    members: await members('shout', 'twice'),
    configuration: { edges },
  });
  const configuration = { edges: Array.from({ length: 300 }, () => edges[0]) };
  await committed(database.pool, async (client) => {
    await client.query('alter table howdah.workflows disable trigger _300_check_configuration');
    const text = 'update howdah.workflows set configuration = $2 where id = $1';
    await client.query(text, [id, configuration]);
    await client.query('set constraints all immediate');
    await client.query('alter table howdah.workflows enable trigger _300_check_configuration');
  });
  const stored = `update howdah.workflows set description = 'Old.' where id = $1
    returning configuration`;
  expect(await one(database.pool, stored, [id])).toEqual({ configuration });
  const run = await startTeam(database.pool, id);
  expect(await waitForEnd(database.pool, run)).toMatchObject({
    status: 'failed',
    error: {
      code: 'limit_reached',
      message: expect.stringContaining('300 outgoing edges'),
    },
  });
});
