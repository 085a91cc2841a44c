import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  commit,
  type Db,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
  refusal,
  refusedInside,
  retainBatch,
  spawn,
  testClient,
  unique,
} from '../support.ts';

const db = testDatabase();
let worker: string;
let tenant: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
  ({ tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant'));
});

const write = (client: Db, columns: Record<string, unknown>) => {
  const names = Object.keys(columns);
  return one(
    client,
    `insert into howdah.mail (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')}) returning *`,
    Object.values(columns),
  );
};
const as = <T>(role: string, id: string, work: (client: Db) => Promise<T>) =>
  asRole(
    db.pool,
    'howdah_app',
    { 'howdah.tenant_id': tenant, 'howdah.user_id': id, 'howdah.role': role },
    work,
  );
const send = async (client: Db, run: string, args: object, configuration: object = {}) =>
  (
    await one(client, 'select howdah_private.call_send_message($1, $2, $3) as sent', [
      run,
      JSON.stringify(args),
      JSON.stringify(configuration),
    ])
  ).sent;
const receive = (client: Db, run: string, args: object = {}, call = 'call_1') =>
  one(client, 'select value, waits_ms::int from howdah_private.call_receive($1, $2, $3)', [
    run,
    call,
    JSON.stringify(args),
  ]);
const put = async (client: Db, run: string, args: object) =>
  (
    await one(client, 'select howdah_private.call_board_write($1, $2) as done', [
      run,
      JSON.stringify(args),
    ])
  ).done;
const nameOf = async (agent: string): Promise<string> =>
  (await one(db.pool, 'select name from howdah.agents where id = $1', [agent])).name;

describe('a user', () => {
  test('sends mail by a plain insert: to an agent, to a run, as a reply', async () => {
    const agent = await makeAgent(db.pool);
    const run = await makeRun(db.pool, { agent_id: agent });
    const user = await makeUser(db.pool, { role: 'member' });
    await as('member', user.id, async (client) => {
      const first = await write(client, { to_agent_id: agent, subject: 'pump', content: 'one' });
      expect(first).toMatchObject({
        created_by: user.username,
        from_execution_id: null,
        trust: 'user',
        thread_id: first.id,
        received_at: null,
      });
      const second = await write(client, { to_execution_id: run, content: 'two' });
      expect(second).toMatchObject({ to_agent_id: agent, to_execution_id: run });
      const reply = await write(client, {
        to_agent_id: agent,
        reply_to_id: first.id,
        content: 'three',
      });
      expect(reply.thread_id).toBe(first.id);
      const named = await write(client, {
        to_agent_id: agent,
        thread_id: second.id,
        content: 'four',
      });
      expect(named.thread_id).toBe(second.id);
    });
  });

  test('cannot set another sender, nor change or delete sent mail', async () => {
    const agent = await makeAgent(db.pool);
    const run = await makeRun(db.pool, { agent_id: agent });
    const user = await makeUser(db.pool, { role: 'owner' });
    await as('owner', user.id, async (client) => {
      await write(client, { to_agent_id: agent, content: 'x' });
      for (const [name, value] of [
        ['from_execution_id', run],
        ['created_by', 'somebody'],
        ['tenant_id', tenant],
        ['received_by_execution_id', run],
      ]) {
        expect(
          await refusedInside(
            client,
            `insert into howdah.mail (to_agent_id, content, ${name}) values ($1, 'x', $2)`,
            [agent, value],
          ),
        ).toMatchObject({ code: '42501' });
      }
      for (const text of [
        `update howdah.mail set content = 'y'`,
        'delete from howdah.mail',
        `update howdah.board_entries set value = '1'`,
        `insert into howdah.board_entries (key) values ('x')`,
      ]) {
        expect(await refusedInside(client, text)).toMatchObject({ code: '42501' });
      }
    });
  });

  test('gets an error with a hint for each invalid message', async () => {
    const [agent, other] = [await makeAgent(db.pool), await makeAgent(db.pool)];
    const idle = await makeAgent(db.pool, { is_active: false });
    const over = await makeRun(db.pool, { agent_id: agent });
    await finish(db.pool, worker, over);
    const live = await makeRun(db.pool, { agent_id: agent });
    const { id: flow } = await one(
      db.pool,
      `insert into howdah.workflows (name, type) values ($1, 'chain') returning id`,
      [unique('flow')],
    );
    await db.pool.query(
      'insert into howdah.workflow_agents (workflow_id, agent_id) values ($1, $2)',
      [flow, agent],
    );
    const { id: team } = await one(
      db.pool,
      `insert into howdah.executions (workflow_id, input) values ($1, 'x') returning id`,
      [flow],
    );
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ content: 'x' }, 'HWINV', /to_agent_id is missing/],
      [{ to_agent_id: agent }, 'HWINV', /content/],
      [{ to_agent_id: agent, content: ' ' }, 'HWINV', /content_is_not_empty|content/],
      [{ to_agent_id: agent, content: 'x'.repeat(32_769) }, 'HWINV', /at most 32768/],
      [{ to_agent_id: agent, content: 'x', subject: 'x'.repeat(201) }, 'HWINV', /subject/],
      [{ to_agent_id: live, content: 'x' }, 'HWNTF', /there is no agent/],
      [{ to_agent_id: idle, content: 'x' }, 'HWCNF', /is not active/],
      [{ to_execution_id: agent, content: 'x' }, 'HWNTF', /there is no execution/],
      [{ to_execution_id: over, content: 'x' }, 'HWTRM', /already ended: completed/],
      [{ to_execution_id: team, content: 'x' }, 'HWINV', /workflows have no mailbox/],
      [{ to_execution_id: live, to_agent_id: other, content: 'x' }, 'HWINV', /is not a run of/],
      [{ to_agent_id: agent, thread_id: live, content: 'x' }, 'HWNTF', /there is no thread/],
      [{ to_agent_id: agent, reply_to_id: live, content: 'x' }, 'HWNTF', /there is no message/],
    ];
    for (const [columns, code, message] of cases) {
      const got = await refusal(write(db.pool, columns));
      expect({ columns, got }).toMatchObject({
        got: { code, message: expect.stringMatching(message), hint: expect.stringMatching(/./) },
      });
    }
  });

  test('sends mail as roles and grants allow; a SQL tool cannot', async () => {
    const agent = await makeAgent(db.pool);
    const viewer = await makeUser(db.pool, { role: 'viewer' });
    const member = await makeUser(db.pool, { role: 'member' });
    const text = `insert into howdah.mail (to_agent_id, content) values ($1, 'x')`;
    await as('viewer', viewer.id, async (client) => {
      expect(await refusedInside(client, text, [agent])).toMatchObject({ code: 'HWDEN' });
    });
    await as('member', member.id, async (client) => {
      expect((await client.query(text, [agent])).rowCount).toBe(1);
    });
    const grant = (permission: string) =>
      db.pool.query(
        `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, $3)`,
        [agent, viewer.id, permission],
      );
    await write(db.pool, { to_agent_id: agent, content: 'secret' });
    await grant('read');
    await as('member', member.id, async (client) => {
      const absent = await refusedInside(client, text, [viewer.id]);
      const got = await refusedInside(client, text, [agent]);
      expect({ ...got, message: '' }).toMatchObject({ code: absent.code, hint: absent.hint });
      expect(await all(client, 'select from howdah.mail where to_agent_id = $1', [agent])).toEqual(
        [],
      );
    });
    await as('viewer', viewer.id, async (client) => {
      expect(await refusedInside(client, text, [agent])).toMatchObject({ code: 'HWDEN' });
      expect(
        await all(client, 'select from howdah.mail where to_agent_id = $1', [agent]),
      ).toHaveLength(1);
    });
    await asRole(db.pool, 'howdah_tool', {}, async (client) => {
      expect(await refusedInside(client, text, [agent])).toMatchObject({
        code: 'HWDEN',
        message: 'a SQL tool cannot send messages',
      });
    });
  });
});

describe('an agent', () => {
  test('sends mail only to agents the user of its run may run, and finds no others', async () => {
    const [open, closed] = [
      await makeAgent(db.pool, { capabilities: ['needlework'] }),
      await makeAgent(db.pool, { capabilities: ['needlework'] }),
    ];
    const [member, friend] = [
      await makeUser(db.pool, { role: 'member' }),
      await makeUser(db.pool, { role: 'member' }),
    ];
    await db.pool.query(
      `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, 'run')`,
      [closed, friend.id],
    );
    const agent = await makeAgent(db.pool);
    const found = async (run: string) =>
      (
        await one(db.pool, 'select howdah_private.call_discover_agents($1, $2) as found', [
          run,
          '{"capability": "Needlework!"}',
        ])
      ).found.agents.map(({ name }: { name: string }) => name);
    const [openName, closedName] = [await nameOf(open), await nameOf(closed)];
    const secret = await makeRun(db.pool, { agent_id: closed, user_id: friend.id });
    for (const user_id of [member.id, null]) {
      const run = await makeRun(db.pool, { agent_id: agent, user_id });
      expect(await found(run)).toEqual([openName]);
      await send(db.pool, run, { to: openName, message: 'x' });
      const refused = await refusal(send(db.pool, run, { to: closedName, message: 'x' }));
      expect(refused).toMatchObject({
        code: 'HWNTF',
        message: expect.stringContaining('there is no agent'),
      });
      expect(refused.hint).not.toContain(closedName);
      expect(await refusal(send(db.pool, run, { to: secret, message: 'x' }))).toMatchObject({
        code: 'HWNTF',
      });
    }
    const run = await makeRun(db.pool, { agent_id: agent, user_id: friend.id });
    expect(await found(run)).toEqual([openName]); // other users may read what it found
    expect(await send(db.pool, run, { to: closedName, message: 'x' })).toMatchObject({
      to: closedName,
    });
  });

  test('cannot send mail to another tenant', async () => {
    const theirs = await makeTenant(db.pool);
    const outsider = await makeAgent(db.pool, { tenant_id: theirs });
    const away = await makeRun(db.pool, { tenant_id: theirs, agent_id: outsider });
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    for (const to of [await nameOf(outsider), away]) {
      expect(await refusal(send(db.pool, run, { to, message: 'x' }))).toMatchObject({
        code: 'HWNTF',
      });
    }
  });

  test('a reply goes to the run that wrote while it is live, then to its agent', async () => {
    const [one, two] = [await makeAgent(db.pool), await makeAgent(db.pool)];
    const first = await makeRun(db.pool, { agent_id: one });
    const second = await makeRun(db.pool, { agent_id: two });
    const { id, thread } = await send(db.pool, first, { to: await nameOf(two), message: 'hi' });
    const { value } = await receive(db.pool, second);
    expect(value.mail).toMatchObject([{ id, thread, from_run: first, trust: 'internal' }]);
    await send(db.pool, second, { reply_to: id, message: 'now' });
    await finish(db.pool, worker, first);
    await send(db.pool, second, { reply_to: id, message: 'later' });
    const rows = await all(
      db.pool,
      'select content, to_agent_id, to_execution_id, reply_to_id from howdah.mail where thread_id = $1 order by id',
      [thread],
    );
    expect(rows).toMatchObject([
      { content: 'hi', to_agent_id: two, to_execution_id: null, reply_to_id: null },
      { content: 'now', to_agent_id: one, to_execution_id: first, reply_to_id: id },
      { content: 'later', to_agent_id: one, to_execution_id: null, reply_to_id: id },
    ]);
  });

  test('a run that was handed over continues its conversations', async () => {
    const [one_, two, three] = [
      await makeAgent(db.pool),
      await makeAgent(db.pool),
      await makeAgent(db.pool),
    ];
    const first = await makeRun(db.pool, { agent_id: one_ });
    const second = await makeRun(db.pool, { agent_id: two });
    const sent = await send(db.pool, first, { to: await nameOf(two), message: 'hi' });
    expect((await receive(db.pool, second)).value.mail).toHaveLength(1);
    await write(db.pool, { to_execution_id: second, content: 'for the run' });
    await db.pool.query(
      `update howdah.executions as e set agent_id = a.id, agent_version_id = a.current_version_id
       from howdah.agents as a where e.id = $1 and a.id = $2`,
      [second, three],
    );
    expect((await receive(db.pool, second)).value.mail).toMatchObject([{ content: 'for the run' }]);
    expect(await send(db.pool, second, { reply_to: sent.id, message: 'it is me' })).toMatchObject({
      thread: sent.thread,
    });
    const other = await makeRun(db.pool, { agent_id: three });
    expect(await refusal(send(db.pool, other, { reply_to: sent.id, message: 'x' }))).toMatchObject({
      code: 'HWNTF',
    });
  });

  test('limits that are not valid numbers are rejected on write', async () => {
    for (const max of [0, -1, 1.5, '"9"', 1e9]) {
      expect(
        await refusal(
          db.pool.query(
            `update howdah.tools set configuration = $1 where name = 'send_message' and kind = 'builtin'`,
            [`{"max_per_thread": ${max}}`],
          ),
        ),
      ).toMatchObject({ code: 'HWINV', message: expect.stringContaining('max_per_thread') });
    }
  });
});

describe('a message that arrives between an empty receive and the park', () => {
  /** Creates a claimed run with an uncommitted call of receive that has found nothing. */
  const makeReceivingRun = async () => {
    const agent = await makeAgent(db.pool);
    const id = await makeRun(db.pool, { agent_id: agent });
    await claim(db.pool, worker, [id]);
    const client = await testClient(db.pool);
    await client.query('begin');
    expect(await receive(client, id, { wait_seconds: 600 })).toMatchObject({ value: { mail: [] } });
    return { agent, id, client };
  };
  const park = (id: string) =>
    commit(db.pool, worker, [
      {
        id,
        fence: 1,
        after: 0,
        steps: [],
        to: { status: 'waiting', waiting_for: 'timer', delay_ms: 600_000 },
      },
    ]);
  const stateOf = (id: string) =>
    one(
      db.pool,
      'select status, waiting_for, wake_at, has_inbox from howdah.executions where id = $1',
      [id],
    );

  test('waits for the commit of the receive and then wakes the run, which does not park', async () => {
    const { agent, id, client } = await makeReceivingRun();
    const writer = await openSession(db.url);
    const written = writer.query(
      `insert into howdah.mail (to_agent_id, content) values ($1, 'x')`,
      [agent],
    );
    await isBlocked(db.pool, writer);
    await client.query('commit');
    await written;
    await writer.end();
    expect(await stateOf(id)).toMatchObject({ status: 'running', has_inbox: true });
    await park(id);
    expect(await stateOf(id)).toMatchObject({
      status: 'queued',
      waiting_for: null,
      wake_at: null,
    });
    expect(await claim(db.pool, worker, [id])).toHaveLength(1);
    expect((await receive(db.pool, id, { wait_seconds: 600 })).value.mail).toHaveLength(1);
  });

  test('wakes the run also when it arrives after the park', async () => {
    const { agent, id, client } = await makeReceivingRun();
    await client.query('commit');
    await park(id);
    expect(await stateOf(id)).toMatchObject({ status: 'waiting', waiting_for: 'timer' });
    await write(db.pool, { to_agent_id: agent, content: 'x' });
    expect(await stateOf(id)).toMatchObject({
      status: 'queued',
      waiting_for: null,
      wake_at: null,
    });
  });

  test('a control of a run and mail to its agent do not wait for a delivery to it', async () => {
    const waiting = async (agent: string) => {
      const id = await makeRun(db.pool, { agent_id: agent });
      await claim(db.pool, worker, [id]);
      await receive(db.pool, id, { wait_seconds: 600 });
      await park(id);
      return id;
    };
    const agent = await makeAgent(db.pool);
    const [controlled, other] = [await waiting(agent), await waiting(agent)];
    const person = await openSession(db.url);
    const writer = await openSession(db.url);
    await person.query('begin');
    await person.query('select howdah.pause_execution($1)', [controlled]);
    const written = writer.query(
      `insert into howdah.mail (to_execution_id, content) values ($1, 'to the paused one')`,
      [controlled],
    );
    await isBlocked(db.pool, writer); // it has locked the mailbox and waits for the run
    await write(person, { to_agent_id: agent, content: 'to whoever reads' });
    await person.query('commit');
    await written;
    await Promise.all([person.end(), writer.end()]);
    expect(await stateOf(controlled)).toMatchObject({ status: 'paused', has_inbox: true });
    // Senders do not lock this run, so a job wakes the waiting runs.
    expect(await stateOf(other)).toMatchObject({ status: 'waiting' });
    const jobs = await all(
      db.pool,
      `select j.payload from graphile_worker._private_jobs as j
       join graphile_worker._private_tasks as t on t.id = j.task_id where t.identifier = 'deliver_mail'`,
    );
    expect(jobs).toEqual([{ payload: { agent_id: agent, tenant_id: tenant } }]);
    await db.pool.query('select howdah_private.deliver_mail($1, $2)', [tenant, agent]);
    expect(await stateOf(other)).toMatchObject({ status: 'queued', waiting_for: null });
    await db.pool.query('select howdah_private.deliver_mail($1, $2)', [tenant, agent]);
    const foreign = await makeTenant(db.pool);
    await db.pool.query('select howdah_private.deliver_mail($1, $2)', [foreign, agent]);
    await db.pool.query('select howdah.cancel_execution(unnest($1::uuid[]))', [
      [controlled, other],
    ]);
  });

  test('a run that waits between two attempts stays waiting', async () => {
    const agent = await makeAgent(db.pool);
    const id = await makeRun(db.pool, { agent_id: agent });
    await claim(db.pool, worker, [id]);
    await park(id);
    await write(db.pool, { to_agent_id: agent, content: 'x' });
    expect(await stateOf(id)).toMatchObject({ status: 'waiting', has_inbox: false });
    await db.pool.query('select howdah.add_input($1, $2)', [id, 'x']);
    expect(await stateOf(id)).toMatchObject({ status: 'waiting', waiting_for: 'timer' });
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });
});

describe('the board', () => {
  test('makes the second of two concurrent writers wait and returns the first value to it', async () => {
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    for (const [expected_version, value] of [[0, 'a'] as const, [1, 'b'] as const]) {
      const first = await testClient(db.pool);
      await first.query('begin');
      await put(first, run, { key: 'k', value, expected_version });
      const second = await openSession(db.url);
      const late = put(second, run, { key: 'k', value: 'late', expected_version });
      await isBlocked(db.pool, second);
      await first.query('commit');
      expect(await late).toMatchObject({
        written: false,
        value,
        version: expected_version + 1,
      });
      await second.end();
    }
  });

  test('loses none of many concurrent writes', async () => {
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    await put(db.pool, run, { key: 'n', value: 0 });
    const addOne = async () => {
      for (let at = { value: 0, version: 1 }; ; ) {
        const said = await put(db.pool, run, {
          key: 'n',
          value: at.value + 1,
          expected_version: at.version,
        });
        if (said.written) return;
        at = said;
      }
    };
    await Promise.all(Array.from({ length: 20 }, addOne));
    expect(
      await one(
        db.pool,
        'select value, version from howdah.board_entries where root_execution_id = $1',
        [run],
      ),
    ).toEqual({ value: 20, version: 21 });
  });

  test('has limits', async () => {
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    for (const [args, message] of [
      [{ key: ' ', value: 1 }, /key must be/],
      [{ key: 'a\nb', value: 1 }, /key must be/],
      [{ key: 'x'.repeat(201), value: 1 }, /key must be/],
      [{ key: 'k' }, /value is missing/],
      [{ key: 'k', value: 'x'.repeat(32_768) }, /at most 32768/],
    ] as const) {
      expect(await refusal(put(db.pool, run, args))).toMatchObject({
        code: 'HWINV',
        message: expect.stringMatching(message),
      });
    }
    await db.pool.query(
      `insert into howdah.board_entries (tenant_id, root_execution_id, key, value, written_by_execution_id)
       select $2, $1, 'k' || i, '1', $1 from generate_series(1, 1000) as i`,
      [run, tenant],
    );
    expect(await refusal(put(db.pool, run, { key: 'one more', value: 1 }))).toMatchObject({
      message: expect.stringContaining('maximum of 1000 keys'),
    });
    expect(await put(db.pool, run, { key: 'k7', value: 2, expected_version: 1 })).toMatchObject({
      written: true,
    });
  });

  test('of a tree with a hidden agent is hidden', async () => {
    const agent = await makeAgent(db.pool);
    const run = await makeRun(db.pool, { agent_id: agent });
    await put(db.pool, run, { key: 'k', value: 1 });
    const [member, friend] = [
      await makeUser(db.pool, { role: 'member' }),
      await makeUser(db.pool, { role: 'member' }),
    ];
    const seen = (id: string) =>
      as('member', id, (client) =>
        all(client, 'select key from howdah.board_entries where root_execution_id = $1', [run]),
      );
    expect(await seen(member.id)).toHaveLength(1);
    await db.pool.query(
      `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, 'read')`,
      [agent, friend.id],
    );
    expect(await seen(member.id)).toEqual([]);
    expect(await seen(friend.id)).toHaveLength(1);
  });
});

describe('mail and board contents are erased', () => {
  const said = async () => {
    const [one, two] = [await makeAgent(db.pool), await makeAgent(db.pool)];
    const user = await makeUser(db.pool, { role: 'member' });
    const mine = await makeRun(db.pool, { agent_id: one, user_id: user.id });
    const other = await makeRun(db.pool, { agent_id: two });
    const to = await nameOf(two);
    const canary = unique('canary');
    await send(db.pool, mine, { to, message: `${canary} from a run` });
    await as('member', user.id, async (client) => {
      await write(client, { to_agent_id: two, content: `${canary} from a person` });
      await client.query('commit');
    });
    const { value } = await receive(db.pool, other);
    expect(value.mail).toHaveLength(2);
    await claim(db.pool, worker, [other]);
    const text = JSON.stringify(value);
    const step = { kind: 'tool', name: 'receive', call_id: 'call_1', output: value };
    await commit(db.pool, worker, [
      {
        id: other,
        fence: 1,
        after: 0,
        steps: [
          {
            ...step,
            trust: 'user',
            messages: [{ role: 'tool', content: text, tool_call_id: 'call_1' }],
          },
        ],
      },
    ]);
    await send(db.pool, mine, { to, message: `${canary} unread` });
    await put(db.pool, mine, { key: 'k', value: canary });
    return { user, mine, other, canary, two };
  };
  const traces = async (canary: string) =>
    (
      await all(
        db.pool,
        `select 'mail' as place from howdah.mail as t where strpos(t::text, $1) > 0
         union all select 'board' from howdah.board_entries as t where strpos(t::text, $1) > 0
         union all select 'steps' from howdah.steps as t where strpos(t::text, $1) > 0
         union all select 'messages' from howdah.messages as t where strpos(t::text, $1) > 0 order by 1`,
        [canary],
      )
    ).map(({ place }) => place);

  test.each(['anonymise', 'delete'])(
    'with an erased user (%s), also where others received them',
    async (mode) => {
      const { user, other, canary } = await said();
      expect(await traces(canary)).toEqual(['board', 'mail', 'mail', 'mail', 'messages', 'steps']);
      const exported = await all(db.pool, 'select howdah.export_user_data($1) as line', [user.id]);
      expect(exported.map(({ line }) => line.kind).toSorted()).toEqual([
        'board_entry',
        'mail',
        'mail',
        'mail',
        'run',
        'user',
      ]);
      const { done } = await one(db.pool, 'select howdah.erase_user($1, $2, true) as done', [
        user.id,
        mode,
      ]);
      expect(done).toMatchObject({ mail: 3 });
      expect(await traces(canary)).toEqual([]);
      expect(await traces(user.username)).toEqual([]);
      await db.pool.query('select howdah.cancel_execution($1)', [other]);
    },
  );

  test('with a user who is erased during a receive by another run', async () => {
    const agent = await makeAgent(db.pool);
    const run = await makeRun(db.pool, { agent_id: agent });
    const user = await makeUser(db.pool, { role: 'member' });
    const canary = unique('canary');
    await as('member', user.id, async (client) => {
      await write(client, { to_agent_id: agent, content: canary });
      await client.query('commit');
    });
    const [claimed] = await claim(db.pool, worker, [run]);
    const [receiving, erasing] = [await openSession(db.url), await openSession(db.url)];
    await receiving.query('begin');
    const { value } = await receive(receiving, run);
    const erased = erasing.query('select howdah.erase_user($1) as done', [user.id]);
    await isBlocked(db.pool, erasing);
    const step = { kind: 'tool', name: 'receive', call_id: 'call_1', output: value };
    const toolMessage = { role: 'tool', content: JSON.stringify(value), tool_call_id: 'call_1' };
    await commit(receiving, worker, [
      { id: run, fence: claimed?.fence, after: 0, steps: [{ ...step, messages: [toolMessage] }] },
    ]);
    await receiving.query('commit');
    expect(toolMessage.content).toContain(canary);
    expect((await erased).rows[0].done).toMatchObject({ mail: 1 });
    expect(await traces(canary)).toEqual([]);
    expect(await traces(user.username)).toEqual([]);
    await Promise.all([receiving.end(), erasing.end()]);
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
  });

  test('with the run that sent them, except for unread mail', async () => {
    const { mine, other, canary } = await said();
    await db.pool.query('select howdah.cancel_execution($1)', [mine]);
    await db.pool.query('select howdah_private.delete_runs(array[$1::uuid])', [mine]);
    const rest = await all(
      db.pool,
      'select content from howdah.mail where strpos(content, $1) > 0 order by id',
      [canary],
    );
    expect(rest.map(({ content }) => content)).toEqual([
      `${canary} from a person`,
      `${canary} unread`,
    ]);
    await db.pool.query('select howdah.cancel_execution($1)', [other]);
  });

  test('by retention policy: read mail as contents, unread mail as runs', async () => {
    const tenant_id = await makeTenant(db.pool);
    const agent = await makeAgent(db.pool, { tenant_id });
    const run = await makeRun(db.pool, { tenant_id, agent_id: agent });
    await db.pool.query(
      'insert into howdah.retention_policies (tenant_id, keep_runs_days, keep_contents_days) values ($1, 30, 7)',
      [tenant_id],
    );
    await db.pool.query(
      `insert into howdah.mail (tenant_id, to_agent_id, content, created_at, received_at, received_by_execution_id)
       select $1, $2, m.content, now() - m.sent * interval '1 day', now() - m.got * interval '1 day',
         case when m.got is not null then $3::uuid end
       from (values ('old', 40, null), ('read long ago', 20, 8), ('read', 20, 1), ('unread', 20, null)) as m (content, sent, got)`,
      [tenant_id, agent, run],
    );
    await retainBatch(db.pool, 10);
    const rest = await all(
      db.pool,
      'select content from howdah.mail where tenant_id = $1 order by content',
      [tenant_id],
    );
    expect(rest.map(({ content }) => content)).toEqual(['read', 'unread']);
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
  });
});

test('mail of a sub-run belongs to its tree, and its siblings receive it', async () => {
  const [boss, one_, two] = [
    await makeAgent(db.pool),
    await makeAgent(db.pool),
    await makeAgent(db.pool),
  ];
  const root = await makeRun(db.pool, { agent_id: boss });
  await claim(db.pool, worker, [root]);
  const first = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, one_, 'a');
  const second = await spawn(db.pool, worker, { id: root, fence: 1, after: 1 }, two, 'b');
  const { id } = await send(db.pool, first, { to: await nameOf(two), message: 'beside you' });
  expect(
    await one(db.pool, 'select is_within_tree, root_execution_id from howdah.mail where id = $1', [
      id,
    ]),
  ).toEqual({ is_within_tree: true, root_execution_id: root });
  const elsewhere = await makeRun(db.pool, { agent_id: two });
  expect((await receive(db.pool, elsewhere)).value.mail).toEqual([]);
  expect((await receive(db.pool, second)).value.mail).toMatchObject([{ id, from_run: first }]);
  await put(db.pool, first, { key: 'k', value: 'seen' });
  const { read } = await one(db.pool, 'select howdah_private.call_board_read($1, $2) as read', [
    second,
    '{"key": "k"}',
  ]);
  expect(read).toEqual({ key: 'k', value: 'seen', version: 1, written_by: await nameOf(one_) });
  await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as id', [
    [root, elsewhere],
  ]);
});

test('mail reads the runs that wait for it, not all live runs', async () => {
  const agent = await makeAgent(db.pool);
  // Statistics know no live runs yet, as after a burst of inserts. Reading all of them looks cheap.
  await db.pool.query('analyze howdah.executions');
  await db.pool.query(
    `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 5000)`,
    [agent],
  );
  await db.pool.query(
    `insert into howdah_private.receivers (execution_id, tenant_id, agent_id, ends_at, call_id)
     select e.id, e.tenant_id, e.agent_id, now() + interval '1 hour', 'a'
     from howdah.executions as e where e.agent_id = $1 limit 100`,
    [agent],
  );
  await db.pool.query('analyze howdah_private.receivers');
  const client = await openSession(db.url);
  /** Counts the runs that a statement reads, in a transaction of its own. */
  const runsReadBy = async (text: string): Promise<number> => {
    await client.query('begin');
    await client.query(text, [agent]);
    const { n } = await one(
      client,
      `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as n
       from pg_stat_xact_all_tables where relname ~ '^executions_'`,
    );
    await client.query('rollback');
    return n;
  };
  try {
    const deliver = `select howdah_private.deliver_mail(a.tenant_id, a.id) from howdah.agents as a where a.id = $1`;
    const mail = `insert into howdah.mail (to_agent_id, content) values ($1, 'x')`;
    expect(await runsReadBy(deliver)).toBeLessThan(200); // no mail yet: only looks at the 100
    expect(await runsReadBy(mail)).toBeLessThan(1_000); // and wakes them
  } finally {
    await client.end();
  }
  await db.pool.query('delete from howdah_private.receivers where agent_id = $1', [agent]);
  await db.pool.query(
    'select howdah.cancel_executions(array(select id::uuid from howdah.executions where agent_id = $1))',
    [agent],
  );
});
