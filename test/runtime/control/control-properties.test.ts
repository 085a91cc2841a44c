import { beforeAll, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, findViolations, makeAgent, makeAgentTool } from '../arrange.ts';

const SEQUENCES = 60;
const OPERATIONS = 14;
const AT_ONCE = 6;
/** Number of runs in a session. */
const PER_SESSION = 3;
/** Error codes of a control that comes too late or too early. */
const REFUSALS = ['HWTRM', 'HWCNF'];

const database = testDatabase();
let workers: Worker[];
let root: string;

const book: CustomTool = {
  name: 'book',
  description: '',
  parameters: { type: 'object' },
  effect: 'once',
  run: () => ({ booked: true }),
};
const cancelBooking: CustomTool = {
  name: 'cancel_booking',
  description: '',
  parameters: { type: 'object' },
  run: () => 'cancelled',
};

beforeAll(async () => {
  workers = await Promise.all(
    [1, 2].map(() => startTestWorker(database.url, { tools: [book, cancelBooking] })),
  );
  const ask = { name: 'ask_user', arguments: { question: 'Which?' } };
  const leaf = await makeAgent(database.pool, {
    script: [callTools(ask, { name: 'todo', arguments: { action: 'list' } }), { content: 'found' }],
    tools: ['ask_user', 'todo'],
  });
  const look = await makeAgentTool(database.pool, leaf);
  const message = { message: 'Look.' };
  root = await makeAgent(database.pool, {
    script: [
      callTools({ name: look, arguments: message }, { name: 'book' }),
      callTools(ask, { name: look, arguments: message }),
      { content: 'done' },
    ],
    tools: [look, 'book', 'ask_user'],
  });
});

/** Returns a generator of numbers from 0 to 1, repeatable by its seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const OPERATION = {
  cancel: 'select howdah.cancel_execution(id) from howdah.executions where id = $1',
  pause: 'select howdah.pause_execution(id) from howdah.executions where id = $1',
  resume: 'select howdah.resume_execution(id) from howdah.executions where id = $1',
  retry: 'select howdah.retry_execution(id) from howdah.executions where id = $1',
  answer: `select howdah.answer_question(q.id, case q.kind when 'effect' then 'done' else 'blue' end)
    from howdah.questions as q where q.execution_id = $1 and q.status = 'open' limit 1`,
} as const;

/** Commands on a run and all runs below its root, in one call. Rejections are rows. */
const OPERATION_ON_MANY = {
  cancel: 'select error from howdah.cancel_executions($1)',
  pause: 'select error from howdah.pause_executions($1)',
  resume: 'select error from howdah.resume_executions($1)',
  retry: 'select error from howdah.retry_executions($1)',
  answer: `select error from howdah.answer_questions(array(
    select q.id from howdah.questions as q
    where q.execution_id = any ($1) and q.status = 'open' and q.kind <> 'effect'), 'blue')`,
} as const;

const DECK = [
  ...(['pause', 'pause', 'resume', 'resume', 'retry', 'retry', 'cancel'] as const),
  ...(['answer', 'answer', 'answer', 'answer'] as const),
];

/** Applies random controls to one run and its children. Returns the codes of rejected controls. */
async function applyRandomControls(seed: number, session: string): Promise<string[]> {
  const { pool } = database;
  const random = createRandom(seed);
  const refused: string[] = [];
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input, session_id) values ($1, 'hello', $2) returning id`,
    [root, random() < 0.5 ? session : null],
  );
  for (let n = 0; n < OPERATIONS; n += 1) {
    const family = await pool.query(
      'select id from howdah.executions where root_execution_id = $1 order by depth, id',
      [rows[0].id],
    );
    const at = random() < 0.6 ? 0 : Math.floor(random() * family.rows.length);
    const name = DECK[Math.floor(random() * DECK.length)] as keyof typeof OPERATION;
    const isForMany = random() < 0.3;
    const work = isForMany
      ? pool.query(OPERATION_ON_MANY[name], [family.rows.map(({ id }) => id)])
      : pool.query(OPERATION[name], [family.rows[at].id]);
    const done = await work.catch((error) => {
      const { code, message, detail, where } = error;
      refused.push(REFUSALS.includes(code) ? code : [code, message, detail, where].join('\n'));
      return undefined;
    });
    if (isForMany) {
      for (const { error } of done?.rows ?? []) if (error) refused.push(error.code);
    }
    for (let pace = Math.floor(random() * 12); pace > 0; pace -= 1) {
      await pool.query('select 1');
    }
  }
  return refused;
}

/** Ends all pauses and answers all questions, so that runs waiting only for people end. */
async function endAllWaits(): Promise<void> {
  const { pool } = database;
  await expect
    .poll(
      async () => {
        await pool.query(
          `select howdah.resume_execution(id) from howdah.executions where status = 'paused' order by id`,
        );
        await pool.query(
          `select howdah.answer_question(q.id, case q.kind when 'effect' then 'done' else 'blue' end)
           from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
           where q.status = 'open' and e.completed_at is null and e.status = 'waiting' order by e.id limit 1`,
        );
        const { rows } = await pool.query(
          'select count(*)::int as live from howdah.executions where completed_at is null',
        );
        return rows[0].live;
      },
      { timeout: 60_000, interval: 5 },
    )
    .toBe(0);
}

test(`${SEQUENCES} random sequences of controls against two workers end well`, async () => {
  const { pool } = database;
  const refused: string[] = [];
  for (let begin = 0; begin < SEQUENCES; begin += AT_ONCE) {
    const sessions = await pool.query(
      `insert into howdah.sessions (title) select 'a session' from generate_series(1, $1) returning id`,
      [AT_ONCE / PER_SESSION],
    );
    const batch = Array.from({ length: AT_ONCE }, (_, n) =>
      applyRandomControls(begin + n + 1, sessions.rows[Math.floor(n / PER_SESSION)].id),
    );
    refused.push(...(await Promise.all(batch)).flat());
  }
  await endAllWaits();
  expect(refused.filter((one) => !REFUSALS.includes(one))).toEqual([]);
  expect(await findViolations(pool)).toEqual([]);
  const { rows } = await pool.query(
    'select distinct status::text from howdah.executions where depth = 0 order by 1',
  );
  expect(rows.map(({ status }) => status)).toEqual(['cancelled', 'completed', 'failed']);
});

test('no deadlocks occurred', async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  await eventually(
    database.pool,
    'no worker is connected any more, and what they met is counted',
    `select where not exists (select from pg_stat_activity
       where datname = current_database() and application_name like 'howdah-%')`,
  );
  const { rows } = await database.pool.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  expect(rows).toEqual([{ deadlocks: 0 }]);
});
