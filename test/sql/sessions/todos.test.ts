import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  commit,
  completed,
  type Db,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  refusedInside,
  takeRole,
} from '../support.ts';

type Todo = {
  id: string;
  position: number;
  title: string;
  status: string;
  note: string | null;
};

const db = testDatabase();

const add = (client: Db, session: string, title: string) =>
  one<Todo>(
    client,
    'insert into howdah.todos (session_id, title) values ($1, $2) returning id, position',
    [session, title],
  );
const titlesOf = async (client: Db, session: string) =>
  (
    await all<Todo>(
      client,
      'select title from howdah.todos where session_id = $1 order by position',
      [session],
    )
  ).map(({ title }) => title);

describe('a todo list', () => {
  test('appends rows at its end, in order also for many rows at once', async () => {
    const session = await makeSession(db.pool);
    expect((await add(db.pool, session, 'first')).position).toBe(1);
    const rows = await all(
      db.pool,
      `insert into howdah.todos (session_id, title)
       select $1, 'n' || n from generate_series(2, 5) as n order by n returning position`,
      [session],
    );
    expect(rows.map(({ position }) => position)).toEqual([2, 3, 4, 5]);
    expect(await titlesOf(db.pool, session)).toEqual(['first', 'n2', 'n3', 'n4', 'n5']);
  });

  test('assigns different positions to concurrent inserts of two sessions', async () => {
    const session = await makeSession(db.pool);
    const [left, right] = await Promise.all([openSession(db.url), openSession(db.url)]);
    try {
      await left.query('begin');
      expect((await add(left, session, 'left')).position).toBe(1);
      await right.query('begin');
      const second = add(right, session, 'right');
      await isBlocked(db.pool, right);
      await left.query('commit');
      expect((await second).position).toBe(2);
      await right.query('commit');
    } finally {
      await Promise.all([left.end(), right.end()]);
    }
    expect(await titlesOf(db.pool, session)).toEqual(['left', 'right']);
  });

  test('can be reordered in one statement and never has a position twice', async () => {
    const session = await makeSession(db.pool);
    for (const title of ['a', 'b', 'c']) {
      await add(db.pool, session, title);
    }
    await db.pool.query('update howdah.todos set position = 4 - position where session_id = $1', [
      session,
    ]);
    expect(await titlesOf(db.pool, session)).toEqual(['c', 'b', 'a']);
    expect(
      await refusal(
        db.pool.query(
          `insert into howdah.todos (session_id, title, position) values ($1, 'd', 2)`,
          [session],
        ),
      ),
    ).toMatchObject({ code: '23505' });
  });

  test('is deleted with its session', async () => {
    const session = await makeSession(db.pool);
    const { id } = await add(db.pool, session, 'a');
    await db.pool.query('delete from howdah.sessions where id = $1', [session]);
    expect(await all(db.pool, 'select 1 from howdah.todos where id = $1', [id])).toEqual([]);
  });

  test('needs an existing session', async () => {
    expect(
      await refusal(
        db.pool.query(
          `insert into howdah.todos (session_id, title) values (howdah.uuid_v7(), 'a')`,
        ),
      ),
    ).toMatchObject({ code: 'HWNTF', message: expect.stringContaining('there is no session') });
    expect(
      await refusal(db.pool.query(`insert into howdah.todos (title) values ('a')`)),
    ).toMatchObject({ code: 'HWINV', message: 'session_id is missing' });
  });

  test.each([
    ["''", 'title_has_1_to_500_characters'],
    ["'  '", 'title_has_1_to_500_characters'],
    ["repeat('x', 501)", 'title_has_1_to_500_characters'],
  ])('rejects the title %s', async (title, constraint) => {
    const session = await makeSession(db.pool);
    expect(
      await refusal(
        db.pool.query(`insert into howdah.todos (session_id, title) values ($1, ${title})`, [
          session,
        ]),
      ),
    ).toMatchObject({ code: 'HWINV', constraint });
  });

  test('can be read and written by its own tenant only', async () => {
    const [mine, other] = [await makeTenant(db.pool), await makeTenant(db.pool)];
    const session = await makeSession(db.pool, { tenant_id: mine });
    await db.pool.query(
      `insert into howdah.todos (tenant_id, session_id, title) values ($1, $2, 'a')`,
      [mine, session],
    );
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': mine }, async (client) => {
      const { id } = await add(client, session, 'b');
      await client.query(`update howdah.todos set status = 'doing', note = 'now' where id = $1`, [
        id,
      ]);
      expect(await titlesOf(client, session)).toEqual(['a', 'b']);
      expect((await client.query('delete from howdah.todos where id = $1', [id])).rowCount).toBe(1);
    });
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, async (client) => {
      expect(await titlesOf(client, session)).toEqual([]);
      expect(
        await refusedInside(
          client,
          `insert into howdah.todos (session_id, title) values ($1, 'mine')`,
          [session],
        ),
      ).toMatchObject({ code: 'HWNTF' });
      expect(
        await refusedInside(client, 'select howdah.todolist_markdown($1)', [session]),
      ).toMatchObject({ code: 'HWNTF' });
    });
  });
});

describe('apply_todolist', () => {
  const apply = async (session: string, content: string, version: string | null = null) =>
    (
      await one(db.pool, 'select howdah.apply_todolist($1, $2, $3) as text', [
        session,
        content,
        version,
      ])
    ).text;
  const rows = (session: string) =>
    all(
      db.pool,
      'select id, position, status, title, note from howdah.todos where session_id = $1 order by position',
      [session],
    );
  const odd = 'one\r\n- [x] two — `c` *d* ~~k~~ <h> #i |j| \\';

  test('of an unedited list changes nothing, whatever the texts are', async () => {
    const session = await makeSession(db.pool, { title: 'a' });
    await db.pool.query(
      `insert into howdah.todos (session_id, title, status, note)
       select $1, t.title, s.status, t.note
       from unnest(enum_range(null::howdah.todo_status)) as s (status)
       cross join (values ($2, $2), ('plain', null), ('a — b', 'c — d')) as t (title, note)`,
      [session, odd],
    );
    const [before, text] = [
      await rows(session),
      (await one(db.pool, 'select howdah.todolist_markdown($1) as text', [session])).text,
    ];
    expect(await apply(session, text)).toBe(text);
    expect(await rows(session)).toEqual(before);
  });

  test('adds, changes, moves and deletes todos, and keeps the ids of the others', async () => {
    const session = await makeSession(db.pool, {});
    for (const title of ['first', 'second', 'third']) await add(db.pool, session, title);
    const before = await rows(session);
    const idOf = (title: string) => before.find((todo) => todo.title === title)?.id;
    await apply(
      session,
      [
        '# x',
        '',
        '- [x] third — it is \\*done\\*',
        '* [ ] new \\_one\\_',
        '- [X] first',
        '- [-] ~~gone~~ — why',
        '',
      ].join('\r\n'),
    );
    const after = await rows(session);
    expect(after.map(({ id: _, ...todo }) => todo)).toEqual([
      { position: 1, status: 'done', title: 'third', note: 'it is *done*' },
      { position: 2, status: 'open', title: 'new _one_', note: null },
      { position: 3, status: 'done', title: 'first', note: null },
      { position: 4, status: 'cancelled', title: 'gone', note: 'why' },
    ]);
    expect([after[0]?.id, after[2]?.id]).toEqual([idOf('third'), idOf('first')]);
    expect(await apply(session, '')).toContain('_Nothing to do._');
    expect(await rows(session)).toEqual([]);
  });

  test('rejects an outdated version, and a line that is no todo', async () => {
    const session = await makeSession(db.pool, {});
    await add(db.pool, session, 'first');
    const { version } = await one(db.pool, 'select md5(howdah.todolist_markdown($1)) as version', [
      session,
    ]);
    await add(db.pool, session, 'by a run');
    expect(await refusal(apply(session, '- [ ] mine', version))).toMatchObject({
      code: 'HWCNF',
      fields: { session_id: session, version },
    });
    for (const [content, line] of [
      ['- [ ] a\nsome text', 2],
      ['- [?] a', 1],
      ['- [ ]', 1],
      [`- [ ] ${'x'.repeat(501)}`, 1],
      [Array.from({ length: 201 }, (_, n) => `- [ ] ${n}`).join('\n'), null],
    ] as const) {
      expect(await refusal(apply(session, content))).toMatchObject({
        code: 'HWINV',
        fields: { field: 'content', line },
      });
    }
    expect((await rows(session)).map(({ title }) => title)).toEqual(['first', 'by a run']);
  });

  test('requires access to the session', async () => {
    const session = await makeSession(db.pool, {});
    const foreign = { 'howdah.tenant_id': await makeTenant(db.pool), 'howdah.role': 'owner' };
    const refused = await asRole(db.pool, 'howdah_app', foreign, (client) =>
      refusal(client.query('select howdah.apply_todolist($1, $2)', [session, '- [ ] x'])),
    );
    expect(refused).toMatchObject({ code: 'HWNTF' });
  });
});

describe('todolist_markdown', () => {
  const markdown = async (client: Db, session: string) =>
    (await one(client, 'select howdah.todolist_markdown($1) as text', [session])).text;

  test('renders a line for each todo with its status and notes', async () => {
    const session = await makeSession(db.pool, { title: 'Order A-1001' });
    await db.pool.query(
      `insert into howdah.todos (session_id, title, status, note)
       select $1, t.title, t.status::howdah.todo_status, t.note from (values
         (1, 'Look it up', 'done', null), (2, 'Call the carrier', 'doing', 'on the line'),
         (3, 'Refund', 'blocked', 'waits for finance'), (4, 'Send again', 'cancelled', null),
         (5, 'Write to Mara', 'open', null)) as t (n, title, status, note) order by n`,
      [session],
    );
    const text = await markdown(db.pool, session);
    expect(text).toBe(
      [
        '# Order A-1001',
        '',
        '- [x] Look it up',
        '- [~] Call the carrier — on the line',
        '- [!] Refund — waits for finance',
        '- [-] ~~Send again~~',
        '- [ ] Write to Mara',
        '',
      ].join('\n'),
    );
    expect(await markdown(db.pool, session)).toBe(text);
  });

  test.each([[null], ['  ']])(
    'renders an empty list under a default title for title %j',
    async (title) => {
      const session = await makeSession(db.pool, { title });
      expect(await markdown(db.pool, session)).toBe('# Todo list\n\n_Nothing to do._\n');
    },
  );

  test('escapes text so that it stays on its line', async () => {
    const session = await makeSession(db.pool, { title: 'a\n# b' });
    await db.pool.query(
      'insert into howdah.todos (session_id, title, status, note) values ($1, $2, $3, $4)',
      [
        session,
        'one\r\n- [x] two\u2028\u0085\u000b`c` *d* _e_ [f](g) <h> #i |j| ~k~ \\',
        'cancelled',
        'x\n\n# y',
      ],
    );
    expect(await markdown(db.pool, session)).toBe(
      '# a \\# b\n\n- [-] ~~one - \\[x\\] two \\`c\\` \\*d\\* \\_e\\_ \\[f\\](g) \\<h\\> \\#i \\|j\\| \\~k\\~ \\\\~~ — x \\# y\n',
    );
  });

  test('rejects an unknown session', async () => {
    expect(
      await refusal(db.pool.query('select howdah.todolist_markdown(howdah.uuid_v7())')),
    ).toMatchObject({ code: 'HWNTF', message: expect.stringContaining('there is no session') });
  });
});

describe('the todo tool', () => {
  let agent: string;
  beforeAll(async () => {
    agent = await makeAgent(db.pool);
  });

  const call = async (client: Db, run: string, args: unknown): Promise<Todo[]> =>
    (
      await one(client, 'select howdah_private.call_todo($1, $2) as result', [
        run,
        JSON.stringify(args),
      ])
    ).result.todos;
  const runOf = async (...titles: string[]) => {
    const session_id = await makeSession(db.pool);
    const run = await makeRun(db.pool, { agent_id: agent, session_id });
    if (titles.length > 0) {
      await call(db.pool, run, { action: 'add', items: titles });
    }
    return run;
  };
  const shown = (todos: Todo[]) => todos.map(({ position, title }) => `${position} ${title}`);

  test('adds one todo with a note, several, or at a position, and returns the whole list', async () => {
    const run = await runOf();
    expect(await call(db.pool, run, { action: 'list' })).toEqual([]);
    expect(await call(db.pool, run, { action: 'add', title: 'a', note: 'soon' })).toEqual([
      { id: expect.any(String), position: 1, title: 'a', status: 'open', note: 'soon' },
    ]);
    await call(db.pool, run, { action: 'add', items: ['b', 'c'] });
    expect(
      shown(await call(db.pool, run, { action: 'add', items: ['x', 'y'], position: 2 })),
    ).toEqual(['1 a', '2 x', '3 y', '4 b', '5 c']);
    expect(
      shown(await call(db.pool, run, { action: 'add', title: 'z', position: 99 })).at(-1),
    ).toBe('6 z');
  });

  test('updates and completes todos by position or id', async () => {
    const run = await runOf('a', 'b');
    const [first] = await call(db.pool, run, {
      action: 'update',
      position: 1,
      title: 'A',
      status: 'blocked',
      note: 'no key',
    });
    expect(first).toMatchObject({ title: 'A', status: 'blocked', note: 'no key' });
    const [changed] = await call(db.pool, run, { action: 'update', id: first?.id, note: '' });
    expect(changed).toMatchObject({ title: 'A', status: 'blocked', note: null });
    const done = await call(db.pool, run, { action: 'complete', id: first?.id });
    expect(done.map(({ status }) => status)).toEqual(['done', 'open']);
  });

  test('reorders by positions and ids; todos not listed follow in their old order', async () => {
    const run = await runOf('a', 'b', 'c', 'd');
    const todos = await call(db.pool, run, { action: 'list' });
    expect(
      shown(await call(db.pool, run, { action: 'reorder', order: [3, todos[0]?.id] })),
    ).toEqual(['1 c', '2 a', '3 b', '4 d']);
  });

  const wrong: [unknown, string, string][] = [
    [{}, 'action', 'action (none) is unknown; use add, update, complete, reorder or list'],
    [{ action: 'drop' }, 'action', 'action drop is unknown; '],
    [[], 'action', 'action (none) is unknown'],
    [{ action: 'add' }, 'title', 'title is required'],
    [{ action: 'add', items: [] }, 'title', 'title is required'],
    [{ action: 'add', items: ['x', null] }, 'title', 'title is required'],
    [{ action: 'add', items: 'x' }, 'title', 'title is required'],
    [{ action: 'add', title: ' ' }, 'title', 'title must be a string of 1 to 500 characters'],
    [{ action: 'add', title: 7 }, 'title', 'title must be a string'],
    [
      { action: 'add', title: 'x', note: 'x'.repeat(4001) },
      'note',
      'note must be a string of 1 to 4000',
    ],
    [{ action: 'add', title: 'x', position: 0 }, 'position', 'position must be an integer'],
    [{ action: 'add', items: Array(199).fill('x') }, 'items', 'a list can have at most 200 todos'],
    [{ action: 'complete', position: 7 }, 'position', 'there is no todo at position 7'],
    [{ action: 'complete', id: 'x' }, 'id', 'there is no todo with the id x'],
    [{ action: 'complete' }, 'position', 'position or id of the todo is required'],
    [
      { action: 'update', position: 1, status: 'late' },
      'status',
      'status late is unknown; use open, doing',
    ],
    [{ action: 'update', position: 1, title: '' }, 'title', 'title must be a string'],
    [{ action: 'reorder' }, 'order', 'order must be a list of positions or ids'],
    [{ action: 'reorder', order: [1, 1] }, 'order', 'order names the todo 1 twice'],
    [{ action: 'reorder', order: [3] }, 'position', 'there is no todo at position 3'],
  ];
  test('reports to the model what is wrong and which positions exist', async () => {
    const run = await runOf('a', 'b');
    for (const [args, field, message] of wrong) {
      const refused = await refusal(call(db.pool, run, args));
      expect({ args, ...refused }).toMatchObject({
        args,
        code: 'HWINV',
        message: expect.stringMatching(/; the positions in the list are 1, 2$/),
      });
      expect(refused.message).toContain(message);
      expect(refused.fields).toEqual({ field });
    }
    expect(shown(await call(db.pool, run, { action: 'list' }))).toEqual(['1 a', '2 b']);
    expect(
      (await refusal(call(db.pool, await runOf(), { action: 'complete', position: 1 }))).message,
    ).toBe('there is no todo at position 1; the list is empty');
  });

  test('uses the list of the root run', async () => {
    const root = await runOf('a');
    const child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: root });
    expect(shown(await call(db.pool, child, { action: 'add', title: 'b' }))).toEqual([
      '1 a',
      '2 b',
    ]);
    expect(shown(await call(db.pool, root, { action: 'list' }))).toEqual(['1 a', '2 b']);
  });

  test('never changes the list of another session', async () => {
    const [mine, other] = [await runOf('a'), await runOf('b')];
    const [theirs] = await call(db.pool, other, { action: 'list' });
    expect(
      await refusal(call(db.pool, mine, { action: 'complete', id: theirs?.id })),
    ).toMatchObject({ code: 'HWINV' });
  });

  test('creates a session for a run without one, as its first turn, which ends with the run', async () => {
    const worker = await makeWorker(db.pool);
    const tenant_id = await makeTenant(db.pool);
    const { id: agent_id } = await one(
      db.pool,
      'select id from howdah.agents where tenant_id = $1',
      [tenant_id],
    );
    const root = await makeRun(db.pool, { tenant_id, agent_id });
    const child = await makeRun(db.pool, { tenant_id, agent_id, parent_execution_id: root });
    await claim(db.pool, worker, [root]);
    await call(db.pool, child, { action: 'add', title: 'a' });
    await call(db.pool, root, { action: 'add', title: 'b' });
    const run = await one(
      db.pool,
      'select session_id, turn, status from howdah.executions where id = $1',
      [root],
    );
    expect(run).toMatchObject({ turn: 1, status: 'running' });
    const session = () =>
      one(
        db.pool,
        'select tenant_id, agent_id, turns, live_execution_id from howdah.sessions where id = $1',
        [run.session_id],
      );
    expect(await session()).toEqual({ tenant_id, agent_id, turns: 1, live_execution_id: root });
    expect(await titlesOf(db.pool, run.session_id)).toEqual(['a', 'b']);

    const next = await makeRun(db.pool, { tenant_id, agent_id, session_id: run.session_id });
    const statusOf = () =>
      one(db.pool, 'select status, turn from howdah.executions where id = $1', [next]);
    expect(await statusOf()).toEqual({ status: 'waiting', turn: 2 });
    const [result] = await commit(db.pool, worker, [
      { id: root, fence: 1, after: 0, steps: [{ kind: 'output' }], to: completed },
    ]);
    expect(result?.outcome).toBe('committed');
    expect(await statusOf()).toEqual({ status: 'queued', turn: 2 });
    expect((await session()).live_execution_id).toBe(next);
  });

  test('creates a session without a live run for a run that has ended', async () => {
    const worker = await makeWorker(db.pool);
    const root = await makeRun(db.pool, { agent_id: agent });
    await finish(db.pool, worker, root);
    await call(db.pool, root, { action: 'list' });
    expect(
      await one(
        db.pool,
        `select s.live_execution_id from howdah.sessions as s
         join howdah.executions as e on e.session_id = s.id where e.id = $1`,
        [root],
      ),
    ).toEqual({ live_execution_id: null });
  });

  test('called twice at once creates one session and assigns different positions', async () => {
    const run = await makeRun(db.pool, { agent_id: agent });
    const [left, right] = await Promise.all([openSession(db.url), openSession(db.url)]);
    try {
      await left.query('begin');
      await call(left, run, { action: 'add', title: 'left' });
      await right.query('begin');
      const second = call(right, run, { action: 'add', title: 'right' });
      await isBlocked(db.pool, right);
      await left.query('commit');
      expect(shown(await second)).toEqual(['1 left', '2 right']);
      await right.query('commit');
    } finally {
      await Promise.all([left.end(), right.end()]);
    }
  });

  test('can be called by the worker only', async () => {
    const run = await runOf('a');
    const list = `select howdah_private.call_todo($1, '{"action": "list"}')`;
    const client = (await db.pool.connect()) as pg.PoolClient;
    try {
      await client.query('begin');
      await takeRole(client, 'howdah_app');
      expect(await refusedInside(client, list, [run])).toMatchObject({ code: '42501' });
      await client.query('reset role');
      await takeRole(client, 'howdah_worker');
      expect((await client.query(list, [run])).rowCount).toBe(1);
      expect(await refusedInside(client, list.replace('$1', 'howdah.uuid_v7()'))).toMatchObject({
        code: 'HWNTF',
        message: expect.stringContaining('there is no execution'),
      });
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  test('is a built-in tool with valid parameters', async () => {
    const tools = await all(
      db.pool,
      `select b.name, b.effect, howdah_private.check_schema('parameters', b.parameters)::text as refused,
         array(select jsonb_array_elements_text(b.parameters #> '{properties,status,enum}'))
           = enum_range(null::howdah.todo_status)::text[] as knows_every_status
       from howdah_private.builtin_tools() as b where b.name = 'todo'`,
    );
    expect(tools).toEqual([
      { name: 'todo', effect: 'idempotent', refused: '', knows_every_status: true },
    ]);
  });
});
