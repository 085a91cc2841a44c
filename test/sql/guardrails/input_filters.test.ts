import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { tablesWithText } from '../../support/database/rows-with-text.ts';
import { testDatabase } from '../../support/database.ts';
import { actAs, answerQuestion, inboxOf, makeQuestion } from '../open-questions.ts';
import {
  all,
  claim,
  commit,
  committed,
  type Db,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  refusedInside,
  rolledBack,
} from '../support.ts';

// Tests output filters with the place `input`: text from users is filtered before it is stored.

const db = testDatabase();
const CARD = '4111 1111 1111 1111';
const OTHER = '4111-1111-1111-1112';
/** Card numbers that only one test stores. */
const OF_RUN = '5500 0000 0000 0004';
const OF_FORK = '3400 0000 0000 0009';
const WITHHELD = '[card withheld]';
const hit = (matches: number, action = 'redact') => [{ filter: 'card', action, matches }];
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool, { name: 'support' });
});
afterEach(() => db.pool.query('delete from howdah.output_filters'));

const filter = (
  action = 'redact',
  columns: { places?: string; agent_id?: string } = {},
  of: Db = db.pool,
) =>
  of.query(
    `insert into howdah.output_filters (name, pattern, action, places, agent_id)
     values ('card', '\\m(\\d[ -]?){13,16}\\M', $1, $2, $3)`,
    [action, columns.places ?? '{input}', columns.agent_id],
  );
const rowOf = (id: string, of: Db = db.pool) =>
  one(of, 'select * from howdah.executions where id = $1', [id]);
const setTenant = (client: Db, id: string) =>
  client.query(`select set_config('howdah.tenant_id', $1, true)`, [id]);

describe('the input of a run', () => {
  test('is redacted in every field, and the matches are counted', async () => {
    await filter();
    const run = await one(
      db.pool,
      `select * from howdah.run('support', $1, input_data => $2, input_parts => $3)`,
      [
        `Pay with ${OF_RUN} or ${OTHER}.`,
        JSON.stringify({ [OF_RUN]: [5500000000000004, { deep: `x ${OF_RUN}` }], amount: 12 }),
        JSON.stringify([
          { type: 'text', text: OF_RUN },
          { type: 'file', file: { filename: `${OF_RUN}.txt`, file_data: 'data:;base64,NDEx' } },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        ]),
      ],
    );
    expect(run).toMatchObject({
      input: `Pay with ${WITHHELD} or ${WITHHELD}.`,
      input_data: { [WITHHELD]: [WITHHELD, { deep: `x ${WITHHELD}` }], amount: 12 },
      input_parts: [
        { type: 'text', text: WITHHELD },
        { type: 'file', file: { filename: `${WITHHELD}.txt`, file_data: 'data:;base64,NDEx' } },
        { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      ],
      input_hits: hit(7),
    });
    expect(await tablesWithText(db.pool, OF_RUN)).toEqual([]);
  });

  test('is redacted in the messages that a client sends as history, and stays well-formed', async () => {
    await filter();
    const history = [
      { role: 'user', content: CARD },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'a', name: 'pay', arguments: `{"card":4111111111111111,"amount":3}` },
          { id: 'b', name: 'pay', arguments: 'no JSON' },
        ],
      },
      { role: 'tool', content: `paid ${CARD}`, tool_call_id: 'a' },
      { role: 'user', parts: [{ type: 'text', text: CARD }] },
      { role: 'assistant', content: 'Done.' },
    ];
    const id = await makeRun(db.pool, { agent_id: agent, history: JSON.stringify(history) });
    const stored = await rowOf(id);
    expect(stored).toMatchObject({
      history: [
        { role: 'user', content: WITHHELD },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'a', name: 'pay' }, history[1]?.tool_calls?.[1]],
        },
        { role: 'tool', content: `paid ${WITHHELD}`, tool_call_id: 'a' },
        { role: 'user', parts: [{ type: 'text', text: WITHHELD }] },
        history[4],
      ],
      input_hits: hit(4),
    });
    expect(JSON.parse(stored.history[1].tool_calls[0].arguments)).toEqual({
      card: WITHHELD,
      amount: 3,
    });
  });

  test('is found in forms that hide a match, and is stored in that form', async () => {
    await filter();
    const id = await makeRun(db.pool, {
      agent_id: agent,
      input: `４１１１\u200b111111111111 für Ü`,
    });
    expect((await rowOf(id)).input).toBe(`${WITHHELD} für Ü`);
  });

  test('that a filter blocks is refused, and leaves no row and no key', async () => {
    await filter('block');
    const text = `select * from howdah.run('support', $1, input_data => $2, idempotency_key => 'once')`;
    for (const [field, values] of [
      ['input', [CARD, null]],
      ['input_data', ['hi', JSON.stringify({ card: CARD })]],
    ] as const) {
      const refused = await refusal(db.pool.query(text, [...values]));
      expect(refused).toMatchObject({ code: 'HWINV', fields: { field, filter: 'card' } });
      expect(JSON.stringify(refused)).not.toContain('1111');
    }
    const parts = JSON.stringify([{ type: 'text', text: CARD }]);
    expect(await refusal(makeRun(db.pool, { agent_id: agent, input_parts: parts }))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'input_parts' },
    });
    const history = JSON.stringify([{ role: 'user', content: CARD }]);
    expect(await refusal(makeRun(db.pool, { agent_id: agent, history }))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'history' },
    });
    expect(await one(db.pool, text, ['hello', null])).toMatchObject({ input: 'hello' });
  });

  test('that a filter flags is stored as it is', async () => {
    await filter('flag');
    const id = await makeRun(db.pool, { agent_id: agent, input: CARD });
    expect(await rowOf(id)).toMatchObject({ input: CARD, input_hits: hit(1, 'flag') });
  });

  test('is checked only by filters that name the place, are active, and are for its agent', async () => {
    const other = await makeAgent(db.pool);
    await filter('redact', { agent_id: other });
    const ids = [
      await makeRun(db.pool, { agent_id: agent, input: CARD }),
      await makeRun(db.pool, { agent_id: other, input: CARD }),
    ];
    await db.pool.query('update howdah.output_filters set is_active = false');
    ids.push(await makeRun(db.pool, { agent_id: other, input: CARD }));
    await db.pool.query('delete from howdah.output_filters');
    // A filter without places does not apply to input.
    await db.pool.query(
      `insert into howdah.output_filters (name, pattern) values ('card', '\\d{4} \\d{4}')`,
    );
    ids.push(await makeRun(db.pool, { agent_id: agent, input: CARD }));
    const rows = await Promise.all(ids.map((id) => rowOf(id)));
    expect(rows.map(({ input }) => input)).toEqual([CARD, WITHHELD, CARD, CARD]);
  });

  test('of a workflow is checked by filters for all agents', async () => {
    await filter();
    const { id } = await one(
      db.pool,
      `insert into howdah.workflows (name, type) values ('pair', 'chain') returning id`,
    );
    await db.pool.query(
      'insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values ($1, $2, 1)',
      [id, agent],
    );
    expect(
      await one(db.pool, `select * from howdah.run_workflow('pair', $1, input_data => $2)`, [
        CARD,
        JSON.stringify([CARD]),
      ]),
    ).toMatchObject({ input: WITHHELD, input_data: [WITHHELD], input_hits: hit(2) });
  });

  test('of another tenant is not checked, in the same statement either', async () => {
    await filter();
    const tenant = await makeTenant(db.pool);
    const theirs = await rolledBack(db.pool, async (client) => {
      await setTenant(client, tenant);
      const other = await makeAgent(client);
      return all(
        client,
        `insert into howdah.executions (tenant_id, agent_id, input)
         select a.tenant_id, a.id, $1 from howdah.agents as a where a.id in ($2, $3)
         returning input, tenant_id = $4 as is_theirs`,
        [CARD, other, agent, tenant],
      );
    });
    expect(theirs.toSorted((a, b) => Number(a.is_theirs) - Number(b.is_theirs))).toEqual([
      { input: WITHHELD, is_theirs: false },
      { input: CARD, is_theirs: true },
    ]);
  });

  test('is filtered for members, who cannot disable the filter by a setting', async () => {
    await filter();
    const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
    const login = `customer_${process.pid}`;
    const forged = `{${agent},${tenant},NULL,50,NULL,NULL,600,NULL,NULL}`;
    await rolledBack(db.pool, async (client) => {
      // A login of a customer, which may set any setting.
      await client.query(`create role ${login} login in role howdah_app`);
      await client.query(
        `insert into howdah_private.login_tenants (login, tenant_id, role)
         select $1, howdah.current_tenant(), 'member'`,
        [login],
      );
      await client.query(`set local session authorization ${login}`);
      const rows = await all(
        client,
        `insert into howdah.executions (agent_id, input)
         select $1, $2 from set_config('howdah.pinned_run_defaults', $3, true), generate_series(1, 3)
         returning input, input_hits`,
        [agent, CARD, forged],
      );
      expect(rows).toEqual(Array(3).fill({ input: WITHHELD, input_hits: hit(1) }));
      expect(
        await refusedInside(
          client,
          `insert into howdah.executions (agent_id, input, input_hits) values ($1, 'x', '[]')`,
          [agent],
        ),
      ).toMatchObject({ code: '42501' });
    });
  });

  test('may not grow beyond the largest input', async () => {
    await db.pool.query(
      `insert into howdah.output_filters (name, pattern, places) values ('digits', '\\d', '{input}')`,
    );
    const long = '1'.repeat(200_000);
    expect(await refusal(makeRun(db.pool, { agent_id: agent, input: long }))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'input' },
    });
  });

  test('from an agent or the engine is not what people send', async () => {
    await filter();
    const parent = await makeRun(db.pool, { agent_id: agent });
    const child = await makeRun(db.pool, {
      agent_id: agent,
      input: CARD,
      parent_execution_id: parent,
    });
    expect(await rowOf(child)).toMatchObject({ input: CARD, input_hits: null });
  });

  test('is filtered again when a debounced run gets a newer one', async () => {
    await filter();
    const text = `select * from howdah.run('support', $1, debounce_key => 'k', debounce_ms => 60000)`;
    const first = await one(db.pool, text, [CARD]);
    const second = await one(db.pool, text, [`newer ${CARD} ${OTHER}`]);
    expect(second).toMatchObject({
      id: first.id,
      input: `newer ${WITHHELD} ${WITHHELD}`,
      input_hits: hit(2),
    });
    expect(await one(db.pool, text, ['harmless'])).toMatchObject({ input_hits: null });
  });

  test('of a schedule is filtered at each time, and a blocked one is its last error', async () => {
    await filter();
    const fire = async () => {
      await db.pool.query('update howdah.schedules set next_at = now()');
      await db.pool.query('select howdah_private.fire_schedules()');
      return one(
        db.pool,
        `select s.last_error ->> 'message' as error, e.input
         from howdah.schedules as s left join howdah.executions as e on e.id = s.last_execution_id`,
      );
    };
    await db.pool.query(
      `insert into howdah.schedules (name, agent_id, cron, input) values ('daily', $1, '0 7 * * *', $2)`,
      [agent, CARD],
    );
    expect(await fire()).toEqual({ error: null, input: WITHHELD });
    await db.pool.query(`update howdah.output_filters set action = 'block'`);
    expect((await fire()).error).toBe('input is blocked by the filter card');
    await db.pool.query('delete from howdah.schedules');
  });
});

test('a row of a watched table starts a run with filtered input, and keeps its own text', async () => {
  await db.pool.query('create table public.letters (id int primary key, body text, reply text)');
  await db.pool.query(
    `select howdah.watch_table('public.letters', 'support', input => 'body', into_column => 'reply')`,
  );
  await filter();
  await db.pool.query(
    `insert into public.letters (id, body) select i, $1 from generate_series(1, 3) as i`,
    [CARD],
  );
  expect(await all(db.pool, 'select distinct body from public.letters')).toEqual([{ body: CARD }]);
  const runs = await all(
    db.pool,
    'select input, input_hits from howdah.executions where table_trigger_id is not null',
  );
  expect(runs).toEqual(Array(3).fill({ input: WITHHELD, input_hits: hit(1) }));
  await db.pool.query(`update howdah.output_filters set action = 'block'`);
  const insertLetter = (id: number) =>
    db.pool.query('insert into public.letters (id, body) values ($1, $2)', [id, CARD]);
  await insertLetter(4); // passes, and the refused run is recorded without its input
  expect(
    await all(
      db.pool,
      `select input, error ->> 'code' as code from howdah.executions where status = 'failed'`,
    ),
  ).toMatchObject([{ code: 'start_refused', input: expect.not.stringContaining(CARD) }]);
  await db.pool.query(`update howdah.table_triggers set on_refusal = 'raise'`);
  const refused = await refusal(insertLetter(5));
  expect(refused).toMatchObject({ code: 'HWINV', fields: { field: 'input', filter: 'card' } });
  expect(refused.hint).toContain('howdah.unwatch_table');
  await db.pool.query('drop table public.letters');
});

describe('what is sent to a live run', () => {
  const said = { text: `also ${CARD}`, parts: JSON.stringify([{ type: 'text', text: CARD }]) };

  test('is redacted in its inbox and its audit entry, and added to the matches', async () => {
    await filter();
    const id = await makeRun(db.pool, { agent_id: agent, input: CARD });
    const sent = await one(db.pool, 'select * from howdah.add_input($1, $2, $3)', [
      id,
      said.text,
      said.parts,
    ]);
    expect(sent.input_hits).toEqual(hit(3));
    expect(
      await all(
        db.pool,
        'select content, parts from howdah_private.inbox where execution_id = $1',
        [id],
      ),
    ).toEqual([{ content: `also ${WITHHELD}`, parts: [{ type: 'text', text: WITHHELD }] }]);
    const { is_of_redacted } = await one(
      db.pool,
      `select after_digest = howdah_private.content_digest($2) as is_of_redacted
       from howdah.audit_log where object_id = $1 and action = 'add_input'`,
      [
        id,
        JSON.stringify({
          content: `also ${WITHHELD}`,
          input_parts: [{ type: 'text', text: WITHHELD }],
        }),
      ],
    );
    expect(is_of_redacted).toBe(true);
  });

  test('is refused when a filter blocks it, and the run goes on', async () => {
    await filter('block');
    const id = await makeRun(db.pool, { agent_id: agent });
    for (const [field, values] of [
      ['content', [said.text, null]],
      ['input_parts', ['hi', said.parts]],
    ] as const) {
      expect(
        await refusal(db.pool.query('select howdah.add_input($1, $2, $3)', [id, ...values])),
      ).toMatchObject({ code: 'HWINV', fields: { field, filter: 'card' } });
    }
    expect(await inboxOf(db.pool, id)).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ status: 'queued', has_inbox: false });
  });

  test.each(['queue', 'interrupt', 'steer'])(
    'in a session with policy %s is redacted',
    async (policy) => {
      await filter();
      const session = await makeSession(db.pool, { agent_id: agent, policy });
      const send = () =>
        db.pool.query('select howdah.send_message($1, $2, $3)', [session, said.text, said.parts]);
      await send();
      await send();
      const runs = await all(
        db.pool,
        'select input, input_hits from howdah.executions where session_id = $1',
        [session],
      );
      expect(runs).toEqual(
        policy === 'steer'
          ? [{ input: `also ${WITHHELD}`, input_hits: hit(4) }]
          : Array(2).fill({ input: `also ${WITHHELD}`, input_hits: hit(2) }),
      );
      const inbox = await all(db.pool, 'select i::text as row from howdah_private.inbox as i');
      expect(JSON.stringify(inbox)).not.toContain('1111');
    },
  );
});

describe('an answer to a question', () => {
  test('is redacted, as text and as data', async () => {
    await filter();
    const { id, execution } = await makeQuestion(db.pool);
    expect(await answerQuestion(db.pool, id, `it is ${CARD}`, { card: CARD })).toMatchObject({
      answer: `it is ${WITHHELD}`,
      answer_data: { card: WITHHELD },
    });
    expect(await inboxOf(db.pool, execution)).toMatchObject([
      { kind: 'answer', output: { answer: `it is ${WITHHELD}`, data: { card: WITHHELD } } },
    ]);
    expect((await rowOf(execution)).input_hits).toEqual(hit(2));
  });

  test('is checked after the redaction', async () => {
    await filter();
    const schema = { type: 'string', pattern: '^[0-9 ]+$' };
    const { id } = await makeQuestion(db.pool, { columns: { schema } });
    const refused = await refusal(answerQuestion(db.pool, id, CARD));
    expect(refused).toMatchObject({ code: 'HWINV', fields: { field: 'answer' } });
    expect(JSON.stringify(refused)).not.toContain('1111');
  });

  test('that a filter blocks is refused, and the question stays open', async () => {
    await filter('block');
    const { id, execution } = await makeQuestion(db.pool);
    expect(await refusal(answerQuestion(db.pool, id, CARD))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'answer', filter: 'card' },
    });
    expect(await refusal(answerQuestion(db.pool, id, 'x', { card: CARD }))).toMatchObject({
      fields: { field: 'data', filter: 'card' },
    });
    expect(await answerQuestion(db.pool, id, 'cash')).toMatchObject({ status: 'answered' });
    expect((await rowOf(execution)).input_hits).toBeNull();
  });

  test('that is one of the options stays as it is', async () => {
    await filter();
    const { id } = await makeQuestion(db.pool, { columns: { options: [CARD, 'cash'] } });
    expect(await answerQuestion(db.pool, id, CARD)).toMatchObject({ answer: CARD });
  });

  test('keeps the decision of an approval, and redacts edited arguments and the reason', async () => {
    await db.pool.query(
      `insert into howdah.output_filters (name, pattern, places) values ('word', 'approve|secret', '{input}')`,
    );
    const edited = await makeQuestion(db.pool, { kind: 'approval' });
    expect(await answerQuestion(db.pool, edited.id, 'approve', { order: 'secret' })).toMatchObject({
      answer: 'approve',
      answer_data: { order: '[word withheld]' },
    });
    const rejected = await makeQuestion(db.pool, { kind: 'approval' });
    expect(
      await one(db.pool, `select * from howdah.reject($1, 'it is secret')`, [rejected.id]),
    ).toMatchObject({ answer: 'reject', answer_data: 'it is [word withheld]' });
  });
});

describe('a fork', () => {
  test('has its new input and data redacted in its row, its log and its audit entry', async () => {
    await filter();
    const id = await makeRun(db.pool, { agent_id: agent, input_data: '{"a": 1}' });
    const fork = await one(
      db.pool,
      'select * from howdah.fork_execution($1, 0, $2, changes => $3)',
      [id, OF_FORK, JSON.stringify({ a: OF_FORK })],
    );
    expect(fork).toMatchObject({
      input: WITHHELD,
      input_data: { a: WITHHELD },
      input_hits: hit(2),
    });
    expect(await tablesWithText(db.pool, OF_FORK)).toEqual([]);
  });

  test('after a step has its added input redacted', async () => {
    const worker = await makeWorker(db.pool);
    const id = await makeRun(db.pool, { agent_id: agent });
    const [claimed] = await claim(db.pool, worker, [id]);
    await commit(db.pool, worker, [
      {
        id,
        fence: claimed?.fence,
        after: claimed?.step_count,
        steps: [{ kind: 'guard', name: 'x' }],
      },
    ]);
    await filter();
    const fork = await one(db.pool, 'select * from howdah.fork_execution($1, 1, $2)', [
      id,
      OF_FORK,
    ]);
    expect(fork.input_hits).toEqual(hit(1));
    const [last] = await all(
      db.pool,
      'select content from howdah.messages where execution_id = $1 order by seq desc limit 1',
      [fork.id],
    );
    expect(last).toEqual({ content: WITHHELD });
    expect(await tablesWithText(db.pool, OF_FORK)).toEqual([]);
  });

  test('of what was redacted matches nothing again', async () => {
    await filter();
    const id = await makeRun(db.pool, { agent_id: agent, input: OF_FORK });
    const fork = await one(db.pool, 'select * from howdah.fork_execution($1, 0)', [id]);
    expect(fork).toMatchObject({ input: WITHHELD, input_hits: null });
  });
});

test('mail of people and comments of feedback are redacted', async () => {
  await filter();
  expect(
    await one(
      db.pool,
      'insert into howdah.mail (to_agent_id, subject, content) values ($1, $2, $3) returning *',
      [agent, `about ${CARD}`, CARD],
    ),
  ).toMatchObject({ subject: `about ${WITHHELD}`, content: WITHHELD, input_hits: hit(2) });
  const id = await makeRun(db.pool, { agent_id: agent });
  expect(
    await one(db.pool, 'select * from howdah.give_feedback($1, 1, $2)', [id, `not ${CARD}`]),
  ).toMatchObject({ comment: `not ${WITHHELD}` });
  expect((await rowOf(id)).input_hits).toEqual(hit(1));
  await db.pool.query(`update howdah.output_filters set action = 'block'`);
  for (const [field, text, about] of [
    ['content', 'insert into howdah.mail (to_agent_id, content) values ($1, $2)', agent],
    ['comment', 'select howdah.give_feedback($1, 1, $2)', id],
  ] as const) {
    expect(await refusal(db.pool.query(text, [about, CARD]))).toMatchObject({
      code: 'HWINV',
      fields: { field, filter: 'card' },
    });
  }
});

test('filters of input alone do not filter what a run says', async () => {
  const worker = await makeWorker(db.pool);
  const isFiltered = async () => {
    const [claimed] = await claim(db.pool, worker, [await makeRun(db.pool, { agent_id: agent })]);
    return claimed?.is_filtered;
  };
  await filter();
  expect(await isFiltered()).toBe(false);
  await db.pool.query(`update howdah.output_filters set places = '{input,output}'`);
  expect(await isFiltered()).toBe(true);
});

describe('the cost', () => {
  /** Returns the number of calls of a function in the transaction. */
  const callsOf = async (client: Db, name: string) =>
    (
      await one(
        client,
        `select coalesce(sum(pg_stat_get_xact_function_calls(p.oid)), 0)::int as calls
         from pg_proc as p
         where p.pronamespace = 'howdah_private'::regnamespace and p.proname = $1`,
        [name],
      )
    ).calls;
  const bulk = async (client: Db) => {
    await client.query(`set local track_functions = 'all'`);
    await client.query(
      `insert into howdah.executions (agent_id, input) select $1, 'hello ' || i from generate_series(1, 10000) as i`,
      [agent],
    );
  };

  test('of an insert of 10,000 rows without such filters is one look-up', async () => {
    await filter('redact', { places: '{output}' });
    await rolledBack(db.pool, async (client) => {
      await bulk(client);
      expect(await callsOf(client, 'input_filters')).toBe(1);
      expect(await callsOf(client, 'filter_run')).toBe(0);
    });
  });

  test('of rows that match nothing is one look at each text', async () => {
    await filter();
    await rolledBack(db.pool, async (client) => {
      await bulk(client);
      expect(await callsOf(client, 'can_match')).toBe(10_000);
      expect(await callsOf(client, 'redact_text')).toBe(0);
    });
  });

  test('is bounded: a filter that takes too long refuses the text', async () => {
    const since = new Date(Date.now() - 3_000);
    expect(
      await refusal(db.pool.query(`select howdah_private.check_filter_time('input', $1)`, [since])),
    ).toMatchObject({ code: 'HWINV', fields: { field: 'input' } });
    // The pattern searches for an end at each of the 200,000 letters.
    await db.pool.query(
      `insert into howdah.output_filters (name, pattern, places) values ('slow', 'a[^z]*z|b', '{input}')`,
    );
    await rolledBack(db.pool, async (client) => {
      await client.query(`set local statement_timeout = '200ms'`);
      const insert = 'insert into howdah.executions (agent_id, input) values ($1, $2)';
      const text = `${'a'.repeat(200_000)}b`;
      expect(await refusedInside(client, insert, [agent, text])).toMatchObject({ code: '57014' });
    });
  });
});

test('a conversation in other letters is scanned once for all filters', async () => {
  for (const name of ['card', 'iban', 'phone']) {
    await db.pool.query(
      `insert into howdah.output_filters (name, pattern, places) values ($1, '\\m(\\d[ -]?){13,16}\\M', '{input}')`,
      [name],
    );
  }
  const history = Array.from({ length: 200 }, (_, place) => ({
    role: place % 2 ? 'assistant' : 'user',
    content: `Lieferung Nummer ${place} für Müller`,
  }));
  await rolledBack(db.pool, async (client) => {
    await client.query(`set local track_functions = 'all'`);
    const values = [agent, JSON.stringify(history)];
    const insert = `insert into howdah.executions (agent_id, input, history) values ($1, 'und', $2)`;
    await client.query(insert, values);
    const { calls } = await one(
      client,
      `select pg_stat_get_xact_function_calls('howdah_private.latin_lookalikes(text)'::regprocedure)::int as calls`,
    );
    expect(calls).toBe(history.length);
  });
});

test('the forms of a text are those that filters match', async () => {
  const texts = [
    'plain',
    CARD,
    `ü ${CARD}`,
    '４１１１１１１１１１１１１１１１',
    '4111\u200b111111111111',
    'é',
    '',
    WITHHELD,
  ];
  await filter();
  const rows = await all(
    db.pool,
    `select t.text, howdah_private.can_match(array[f], t.text) as can_match,
       howdah_private.redact_text(t.text, f.pattern, '[card withheld]') <> t.text as matches
     from unnest($1::text[]) as t (text), howdah.output_filters as f`,
    [texts],
  );
  expect(rows.filter(({ matches, can_match }) => matches && !can_match)).toEqual([]);
  expect(rows.filter(({ matches }) => matches).length).toBe(4);
});

test('a tenant sees only matches of its own runs', async () => {
  await filter();
  const id = await makeRun(db.pool, { agent_id: agent, input: CARD });
  const tenant = await makeTenant(db.pool);
  const user = await committed(db.pool, async (client) => {
    await setTenant(client, tenant);
    return makeUser(client, { role: 'owner' });
  });
  const mine = await makeUser(db.pool, { role: 'viewer' });
  const seen = (who: typeof user) =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, who);
      return all(client, 'select input_hits from howdah.executions where id = $1', [id]);
    });
  expect(await seen(user)).toEqual([]);
  expect(await seen(mine)).toEqual([{ input_hits: hit(1) }]);
});
