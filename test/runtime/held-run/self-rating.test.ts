import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, makeAgentTool, waitForEnd } from '../arrange.ts';
import { makeTeam, startTeam } from '../teams.ts';

// The ways by which an agent could reach howdah.give_feedback for a run of its own.

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  await database.pool.query(`
    create schema lab;
    create table lab.wishes (id int primary key generated always as identity, body text, reply text);
    create table lab.orders (id int primary key generated always as identity, run uuid);
    grant usage on schema lab to howdah_app;
    grant insert on lab.wishes, lab.orders to howdah_app;
    create function lab.rate(input text) returns text language sql as $$
      select concat_ws(' ', f.source, f.is_reward)
      from howdah.executions as e cross join lateral howdah.give_feedback(e.id, 1) as f
      where e.input = rate.input order by e.id limit 1 $$;
    create function lab.begin(agent text, input text) returns uuid language sql as $$
      select id from howdah.run(begin.agent, begin.input) $$;
    create function lab.wish(body text) returns void language sql as
      'insert into lab.wishes (body) values (body)';
    create function lab.plan(agent text, input text) returns void language sql as $$
      insert into howdah.schedules (name, cron, agent_id, input)
      values (plan.input, '0 0 1 1 *', howdah.agent(plan.agent), plan.input) $$;
    create function lab.tg_orders() returns trigger language plpgsql as $$
      begin
        perform howdah.give_feedback(new.run, 1, outcome => 'paid');
        return new;
      end $$;
    create trigger paid after insert on lab.orders for each row execute function lab.tg_orders();
    create function lab.pay(input text) returns void language sql as $$
      insert into lab.orders (run) select e.id from howdah.executions as e
      where e.input = pay.input order by e.id limit 1 $$;
    select howdah.register_sql_tool(f) from unnest(array['lab.rate(text)', 'lab.begin(text, text)',
      'lab.wish(text)', 'lab.plan(text, text)', 'lab.pay(text)']) as f;`);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

const newInput = () => `run ${randomBytes(6).toString('hex')}`;
const nameOf = async (agent: string) =>
  (await one(database.pool, 'select name from howdah.agents where id = $1', [agent]))
    .name as string;

/** Makes an agent that calls a tool once, then answers. */
const caller = (name: string, args: object, tools: string[] = [name]) =>
  makeAgent(database.pool, {
    script: [callTools({ name, arguments: args as JsonObject }), { content: 'ok' }],
    tools,
  });
const rater = (input: string) => caller('rate', { input });
const rating = (input: string) => callTools({ name: 'rate', arguments: { input } });
const plain = (tools: string[] = []) =>
  makeAgent(database.pool, { script: [{ content: 'ok' }], tools });
/** Lets an agent make a call in its next runs, and then answer. */
const behave = (agent: string, call: JsonObject) =>
  database.pool.query('update howdah.agent_models set request_params = $2 where agent_id = $1', [
    agent,
    { script: [call, { content: 'ok' }] },
  ]);
const start = async (agent: string, input: string, session: string | null = null) => {
  const { rows } = await database.pool.query(
    'insert into howdah.executions (agent_id, input, session_id) values ($1, $2, $3) returning id',
    [agent, input, session],
  );
  return waitForEnd(database.pool, rows[0].id);
};
/** Starts a rater by a tool of a run, and returns the run. */
async function startsRater(input: string): Promise<string> {
  const judge = await nameOf(await rater(input));
  return caller('begin', { agent: judge, input: newInput() });
}

/** Lets an agent run for each new row of a table. */
async function watchWishes(agent: string): Promise<void> {
  await database.pool.query(
    `select howdah.watch_table('lab.wishes', a.name, input => 'body', into_column => 'reply')
     from howdah.agents as a where a.id = $1`,
    [agent],
  );
}

/** The entries of feedback on a run, when there is one. */
async function entriesOf(input: string) {
  const text = `select f.source, f.is_reward from howdah.feedback_entries as f
    join howdah.executions as e on e.id = f.execution_id where e.input = $1`;
  await eventually(database.pool, `somebody rates ${input}`, text, [input]);
  return all(database.pool, text, [input]);
}

/** Adds a tool that hands the run over to an agent. */
async function handoffTo(agent: string): Promise<string> {
  const name = `handoff_${randomBytes(6).toString('hex')}`;
  await database.pool.query(
    `insert into howdah.tools (name, kind, agent_id, parameters, configuration)
     values ($1, 'agent', $2, '{"type": "object", "properties": {"reason": {"type": "string"}}}', '{"handoff": true}')`,
    [name, agent],
  );
  return name;
}

async function makeSession(agent: string): Promise<string> {
  const { id } = await one(
    database.pool,
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [agent],
  );
  return id as string;
}

/** Each way lets a run rate a run of its own, whose input is given. */
const WAYS: Record<string, (input: string) => Promise<unknown>> = {
  'a SQL tool rates its run': async (input) => start(await rater(input), input),
  'a later run of the agent': async (input) => {
    const agent = await plain(['rate']);
    await start(agent, input);
    await behave(agent, rating(input));
    await start(agent, newInput());
  },
  'a sub-agent rates its parent': async (input) => {
    const tool = await makeAgentTool(database.pool, await rater(input));
    await start(await caller(tool, { message: newInput() }), input);
  },
  'a sub-agent rates a sibling': async (input) => {
    const [sibling, judge] = [
      await makeAgentTool(database.pool, await plain()),
      await makeAgentTool(database.pool, await rater(input)),
    ];
    const parent = await makeAgent(database.pool, {
      script: [
        callTools({ name: sibling, arguments: { message: input } }),
        callTools({ name: judge, arguments: { message: newInput() } }),
        { content: 'ok' },
      ],
      tools: [sibling, judge],
    });
    await start(parent, newInput());
  },
  'a sub-agent rates an earlier run of the agent above it': async (input) => {
    const tool = await makeAgentTool(database.pool, await rater(input));
    const agent = await plain([tool]);
    await start(agent, input);
    await behave(agent, callTools({ name: tool, arguments: { message: newInput() } }));
    await start(agent, newInput());
  },
  'a sub-agent rates an earlier turn of the session': async (input) => {
    const tool = await makeAgentTool(database.pool, await rater(input));
    const second = await makeAgent(database.pool, {
      script: [callTools({ name: tool, arguments: { message: newInput() } }), { content: 'ok' }],
      tools: [tool],
      use_history: false, // the script counts the answers of earlier turns, too
    });
    const first = await plain();
    const session = await makeSession(first);
    await start(first, input, session);
    await database.pool.query('update howdah.sessions set agent_id = $2 where id = $1', [
      session,
      second,
    ]);
    await start(second, newInput(), session);
  },
  'an agent after a handoff rates an earlier run of the first one': async (input) => {
    const judge = await makeAgent(database.pool, {
      script: [{ content: '' }, rating(input), { content: 'ok' }],
      tools: ['rate'],
    });
    const tool = await handoffTo(judge);
    const agent = await plain([tool]);
    await start(agent, input);
    await behave(agent, callTools({ name: tool, arguments: { reason: 'Rate me.' } }));
    await start(agent, newInput());
  },
  'an agent rates a run that it has handed over': async (input) => {
    const tool = await handoffTo(
      await makeAgent(database.pool, { script: [{ content: '' }, { content: 'ok' }] }),
    );
    const agent = await plain([tool, 'rate']);
    await behave(agent, callTools({ name: tool, arguments: { reason: 'Not mine.' } }));
    await start(agent, input);
    await behave(agent, rating(input));
    await start(agent, newInput());
  },
  'a member rates an earlier run of its workflow': async (input) => {
    const member = await plain(['rate']);
    const team = await makeTeam(database.pool, { type: 'chain', members: [{ agent: member }] });
    await waitForEnd(database.pool, await startTeam(database.pool, team, input));
    await behave(member, rating(input));
    await waitForEnd(database.pool, await startTeam(database.pool, team, newInput()));
  },
  'a run that a tool has started rates the starter': async (input) =>
    start(await startsRater(input), input),
  'a run at the end of a chain of starts rates the first run': async (input) => {
    const second = await nameOf(await startsRater(input));
    await start(await caller('begin', { agent: second, input: newInput() }), input);
  },
  'a run that a sub-agent has started rates the parent': async (input) => {
    const tool = await makeAgentTool(database.pool, await startsRater(input));
    await start(await caller(tool, { message: newInput() }), input);
  },
  'a run rates the run that its tool has started': async (input) => {
    const started = await nameOf(await plain());
    const agent = await makeAgent(database.pool, {
      script: [
        callTools({ name: 'begin', arguments: { agent: started, input } }),
        callTools({ name: 'rate', arguments: { input } }),
        { content: 'ok' },
      ],
      tools: ['begin', 'rate'],
    });
    await start(agent, newInput());
  },
  'a run of a watched table rates the run whose tool wrote the row': async (input) => {
    await watchWishes(await rater(input));
    await start(await caller('wish', { body: newInput() }), input);
    await database.pool.query(`select howdah.unwatch_table('lab.wishes')`);
  },
  'a run of a schedule that a tool wrote': async (input) => {
    const judge = await nameOf(await rater(input));
    const name = newInput();
    await start(await caller('plan', { agent: judge, input: name }), input);
    await database.pool.query(
      `update howdah.schedules set next_at = now() - interval '1 second' where name = $1`,
      [name],
    );
    await database.pool.query('select howdah_private.fire_schedules()');
  },
  'an outcome by the trigger of a table that a tool writes': async (input) =>
    start(await caller('pay', { input }), input),
};

const rewardsOf = (input: string) =>
  all(
    database.pool,
    `select r.agent_score from howdah.rewards as r
     join howdah.executions as e on e.id = r.execution_id where e.input = $1`,
    [input],
  );

describe('counts nothing:', () => {
  for (const [name, rate] of Object.entries(WAYS)) {
    test(name, async () => {
      const input = newInput();
      await rate(input);
      expect(await entriesOf(input)).toEqual([{ source: 'agent', is_reward: false }]);
      expect(await rewardsOf(input)).toEqual([]);
    });
  }
});

test('a query of a model can rate nothing', async () => {
  const input = newInput();
  const sql = `select howdah.give_feedback(e.id, 1) from howdah.executions as e where e.input = '${input}'`;
  await start(await caller('sql_query', { sql }), input);
  expect(await rewardsOf(input)).toEqual([]);
});

describe('counts:', () => {
  test('another agent that was started by nobody of the run', async () => {
    const input = newInput();
    await start(await plain(), input);
    await start(await rater(input), newInput());
    expect(await entriesOf(input)).toEqual([{ source: 'agent', is_reward: true }]);
    expect(await rewardsOf(input)).toEqual([{ agent_score: 1 }]);
  });

  test('a judge that watches the answers which an agent writes into a table', async () => {
    const input = newInput();
    await watchWishes(await plain());
    await database.pool.query(
      `create table lab.judged (id int primary key generated always as identity, body text)`,
    );
    await database.pool.query(`
      create function lab.tg_replies() returns trigger language plpgsql security definer as $$
        begin
          insert into lab.judged (body) values (new.body);
          return new;
        end $$;
      create trigger judged after update on lab.wishes for each row
        when (old.reply is null and new.reply is not null) execute function lab.tg_replies();`);
    await database.pool.query(
      `select howdah.watch_table('lab.judged', a.name, input => $$'judge ' || body$$)
       from howdah.agents as a where a.id = $1`,
      [await rater(input)],
    );
    await database.pool.query('insert into lab.wishes (body) values ($1)', [input]);
    expect(await entriesOf(input)).toEqual([{ source: 'agent', is_reward: true }]);
  });
});
