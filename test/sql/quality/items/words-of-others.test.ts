import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import {
  all,
  committed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  takeRole,
  type User,
} from '../../support.ts';

// Items, and judges, that have read what another user said in the conversation before a run.

const db = testDatabase();
let tenant: string;
let worker: string;
let ada: User;
let bob: User;
let session: string;

const as = <T extends object>(user: User, text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.user_id': user.id,
    });
    const [row] = await all<T & Record<string, unknown>>(client, text, values);
    if (!row) throw new Error('no row');
    return row;
  });

/** Runs a turn of a user in a session, and returns the run. */
async function turn(user: User, input: string, of = session) {
  const { id } = await as<{ id: string }>(
    user,
    `insert into howdah.executions (agent_id, session_id, input)
     values (howdah.agent('support'), $1, $2) returning id`,
    [of, input],
  );
  await finish(db.pool, worker, id);
  return id;
}

/** Stores a question of a run that ada has answered. */
const ask = (run: string) =>
  db.pool.query(
    `insert into howdah.questions (tenant_id, execution_id, root_execution_id, kind, prompt, status,
       answered_at, answered_by, answer)
     select tenant_id, id, coalesce(root_execution_id, id), 'question', 'Which one?', 'answered',
       now(), $2, 'A-7' from howdah.executions where id = $1`,
    [run, ada.username],
  );
/** Lets ada send a message that a run receives. */
async function write(run: string, sender: string | null = null) {
  const { id } = await as<{ id: string }>(
    ada,
    `insert into howdah.mail (to_agent_id, content)
     values (howdah.agent('support'), 'It is A-7.') returning id`,
  );
  await db.pool.query(
    `update howdah.mail set received_at = now(), received_by_execution_id = $2,
       from_execution_id = $3::uuid, root_execution_id = $3::uuid,
       created_by = case when $3::uuid is null then created_by end
     where id = $1`,
    [id, run, sender],
  );
}
/** Runs the agent for bob, outside of a session, with a child that does something. */
async function withChild(work: (child: string) => Promise<unknown>): Promise<string> {
  const columns = { tenant_id: tenant, user_id: bob.id };
  const { id: agent_id } = await as<{ id: string }>(bob, `select howdah.agent('support') as id`);
  const run = await makeRun(db.pool, { ...columns, agent_id });
  const child = await makeRun(db.pool, { ...columns, agent_id, parent_execution_id: run });
  await work(child);
  await finish(db.pool, worker, child);
  await finish(db.pool, worker, run);
  return run;
}

const itemsOf = (run: string) =>
  all(db.pool, 'select id from howdah.dataset_items where source_execution_id = $1', [run]);
const add = (run: string, options = '') =>
  as<{ id: string; history: { content: string }[] }>(
    bob,
    `select * from howdah.add_to_dataset('orders', $1${options})`,
    [run],
  );

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  await makeAgent(db.pool, { tenant_id: tenant, name: 'support' });
  await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
  bob = await makeUser(db.pool, { tenant_id: tenant, role: 'admin', username: 'bob' });
  await as(bob, `insert into howdah.datasets (name) values ('orders') returning id`);
  await db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
     select tenant_id, id, 'polite', 'rubric', '{"agent": "judge", "rubric": "It is polite."}'
     from howdah.datasets where tenant_id = $1`,
    [tenant],
  );
});

beforeEach(async () => {
  ada = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  const made = await as<{ id: string }>(
    ada,
    `insert into howdah.sessions (agent_id) values (howdah.agent('support')) returning id`,
  );
  session = made.id;
  await turn(ada, 'My order is A-7.');
});

const eraseAda = () =>
  db.pool.query(
    `select howdah.erase_user($1, 'anonymise') from set_config('howdah.tenant_id', $2, false)`,
    [ada.id, tenant],
  );

describe('the erasure of a user deletes items', () => {
  test('of later turns by others in the session', async () => {
    const run = await turn(bob, 'Where is it?');
    await add(run);
    await eraseAda();
    expect(await itemsOf(run)).toEqual([]);
  });

  test('of forks of the session by others', async () => {
    const fork = await as<{ id: string }>(
      bob,
      `select id from howdah.fork_session($1, 'Where is it?')`,
      [session],
    );
    const { id } = await one(db.pool, 'select id from howdah.executions where session_id = $1', [
      fork.id,
    ]);
    await finish(db.pool, worker, id);
    const { history } = await add(id);
    expect(history[0]?.content).toBe('My order is A-7.');
    await eraseAda();
    expect(await itemsOf(id)).toEqual([]);
  });

  test('of forks by others of a run whose question the user answered', async () => {
    const run = await turn(bob, 'Where is it?');
    await ask(run);
    const { id } = await as<{ id: string }>(bob, 'select id from howdah.fork_execution($1, 0)', [
      run,
    ]);
    await finish(db.pool, worker, id);
    await add(id);
    await eraseAda();
    expect(await itemsOf(id)).toEqual([]);
  });

  test('of forks by others of a later turn', async () => {
    const run = await turn(bob, 'Where is it?');
    const { id } = await as<{ id: string }>(bob, 'select id from howdah.fork_execution($1, 0)', [
      run,
    ]);
    await finish(db.pool, worker, id);
    await add(id);
    expect(await itemsOf(id)).toHaveLength(1);
    await eraseAda();
    expect(await itemsOf(id)).toEqual([]);
  });

  test('of children of a later turn', async () => {
    const { id: run, agent_id } = await as<{ id: string; agent_id: string }>(
      bob,
      `insert into howdah.executions (agent_id, session_id, input)
       values (howdah.agent('support'), $1, 'Where is it?') returning id, agent_id`,
      [session],
    );
    const child = await makeRun(db.pool, {
      ...{ tenant_id: tenant, user_id: bob.id, agent_id, parent_execution_id: run },
    });
    await finish(db.pool, worker, child);
    await finish(db.pool, worker, run);
    await add(child);
    expect(await itemsOf(child)).toHaveLength(1);
    await eraseAda();
    expect(await itemsOf(child)).toEqual([]);
  });

  test.each([
    ['answered a question', ask],
    ['sent a message', (child: string) => write(child)],
  ])('of runs with a child to which the user %s', async (_, tell) => {
    const run = await withChild(tell);
    await add(run);
    expect(await itemsOf(run)).toHaveLength(1);
    await eraseAda();
    expect(await itemsOf(run)).toEqual([]);
  });

  test('of runs that got a message of a run of the user', async () => {
    const sender = await makeRun(db.pool, {
      ...{ tenant_id: tenant, user_id: ada.id },
      agent_id: (await as<{ id: string }>(bob, `select howdah.agent('support') as id`)).id,
    });
    await finish(db.pool, worker, sender);
    const run = await withChild((child) => write(child, sender));
    await add(run);
    await eraseAda();
    expect(await itemsOf(run)).toEqual([]);
  });

  test('and judges of later turns of others', async () => {
    const run = await turn(bob, 'Where is it?');
    await as(bob, `select howdah.evaluate_runs('orders', 'support')`);
    await gradeRuns(db.pool);
    const judges = () =>
      all(
        db.pool,
        `select input from howdah.executions
         where metadata ->> 'judged_execution_id' = $1 and input like '%A-7%'`,
        [run],
      );
    expect(await judges()).toHaveLength(1);
    await db.pool.query(
      `select howdah.cancel_execution(id) from howdah.executions
       where tenant_id = $1 and completed_at is null`,
      [tenant],
    );
    await eraseAda();
    expect(await judges()).toEqual([]);
  });
});

test('an anonymized item withholds the names of all users of the conversation', async () => {
  await turn(ada, `I am ${ada.username}.`);
  const run = await turn(bob, 'This is bob.');
  const { history } = await add(run, ', anonymize => true');
  expect(JSON.stringify(history)).not.toContain(ada.username);
});

describe('a judge is not started', () => {
  const grade = async (run: string) => {
    const { id } = await as<{ id: string }>(
      bob,
      `select (howdah.evaluate_runs('orders', 'support')).id`,
    );
    await gradeRuns(db.pool);
    return one(
      db.pool,
      `select r.error ->> 'message' as fault from howdah.evaluation_results as r
       where r.evaluation_id = $1 and r.execution_id = $2`,
      [id, run],
    );
  };

  test('after an encrypted turn', async () => {
    const run = await turn(bob, 'Where is it?');
    await db.pool.query(
      `update howdah.executions set contents_encrypted_at = clock_timestamp()
       where session_id = $1 and turn = 1`,
      [session],
    );
    expect(await grade(run)).toEqual({
      fault: 'polite: the conversation before the run is encrypted',
    });
  });

  test('after a turn of another agent that only some may see', async () => {
    const secret = await makeAgent(db.pool, { tenant_id: tenant, name: 'secret' });
    const { id } = await as<{ id: string }>(
      ada,
      `insert into howdah.executions (agent_id, session_id, input)
       values (howdah.agent('secret'), $1, 'My order is A-8.') returning id`,
      [session],
    );
    await finish(db.pool, worker, id);
    const run = await turn(bob, 'Where is it?');
    await db.pool.query(
      `insert into howdah.grants (tenant_id, agent_id, role, permission) values ($1, $2, 'admin', 'edit')`,
      [tenant, secret],
    );
    expect(await grade(run)).toEqual({
      fault:
        'polite: the conversation before the run has turns of another agent that only some may see',
    });
  });
});
