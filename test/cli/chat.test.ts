import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../workers/main.ts';
import { brokenRules } from '../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startCli } from './run-cli.ts';

let database: TestDatabase;
let worker: Worker;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database.url);
  await database.pool.query(`
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
    insert into howdah.agents (name, instruction, human_input, use_history)
    values ('greeter', 'Greet.', false, false), ('asker', 'Ask.', true, false),
      ('slow', 'Wait.', false, false), ('broken', 'Fail.', false, false);
    insert into howdah.agent_models (agent_id, model_id, request_params)
    select howdah.agent(s.agent), m.id, jsonb_build_object('script', s.script)
    from howdah.models as m, (values
      ('greeter', '[{"content": "Hello there"}]'::jsonb),
      ('asker', '[{"tool_calls": [{"name": "ask_user", "arguments": {"question": "Which colour?", "options": ["red", "blue"]}}]}, {"content": "So be it"}]'),
      ('slow', '[{"content": "late", "delay_ms": 600000}]'),
      ('broken', '[{"error": {"status": 400, "message": "no such thing"}}]')
    ) as s (agent, script) where m.name = 'script'`);
});
afterAll(async () => {
  await worker.stop(0);
  expect(await brokenRules(database.pool)).toEqual([]);
  await database.drop();
});

const chat = (...argv: string[]) => startCli(database.url, 'chat', ...argv);

const sessionOf = (stderr: string) => /session (\S+)/.exec(stderr)?.[1] ?? '';

const inputsOf = async (session: string) => {
  const { rows } = await database.pool.query(
    'select turn, input, status from howdah.executions where session_id = $1 order by turn',
    [session],
  );
  return rows;
};

describe('howdah chat', () => {
  test('answers line by line in one session, and ends with its input', async () => {
    const talk = chat('greeter');
    talk.type('Hi');
    await expect.poll(talk.stdout, { timeout: 20_000 }).toBe('Hello there\n');
    talk.type('');
    talk.type('Hi again');
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\nHello there\n' });
    expect(stderr).toMatch(/1 {2}model +script/);
    expect(await inputsOf(sessionOf(stderr))).toEqual([
      { turn: 1, input: 'Hi', status: 'completed' },
      { turn: 2, input: 'Hi again', status: 'completed' },
    ]);
  });

  test('lines that come all at once are answered one after the other', async () => {
    const talk = chat('greeter');
    for (const line of ['a', 'b', 'c']) talk.type(line);
    const { stdout, stderr } = await talk.end();
    expect(stdout).toBe('Hello there\n'.repeat(3));
    expect((await inputsOf(sessionOf(stderr))).map(({ input }) => input)).toEqual(['a', 'b', 'c']);
  });

  test('prints what the run asks; the next line answers, and one that does not fit is another try', async () => {
    const talk = chat('asker');
    talk.type('Paint it');
    await expect.poll(talk.stdout, { timeout: 20_000 }).toBe('Which colour?\n');
    expect(talk.stderr()).toContain('red · blue');
    talk.type('green');
    await expect.poll(talk.stderr, { timeout: 20_000 }).toContain('none of the options');
    talk.type('blue');
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Which colour?\nSo be it\n' });
    expect(await inputsOf(sessionOf(stderr))).toHaveLength(1);
    expect(stderr.match(/ model {2}/g)).toHaveLength(2); // no step is shown twice
  });

  test('goes on with a session and its open question', async () => {
    const left = chat('asker');
    left.type('Paint it');
    const first = await left.end();
    expect(first).toMatchObject({ status: 7, stdout: 'Which colour?\n' });
    expect(first.stderr).toContain('waits for your answer');
    const session = sessionOf(first.stderr);
    const talk = chat('asker', '--session', session);
    await expect.poll(talk.stdout, { timeout: 20_000 }).toBe('Which colour?\n');
    talk.type('red');
    expect((await talk.end()).stdout).toBe('Which colour?\nSo be it\n');
    // and with another agent
    const other = chat('greeter', '--session', session);
    other.type('Hi');
    expect((await other.end()).stdout).toBe('Hello there\n');
    expect(await inputsOf(session)).toHaveLength(2);
  });

  test('Ctrl-C cancels the live run and exits 130', async () => {
    const talk = chat('slow');
    talk.type('Hi');
    await expect.poll(talk.stderr, { timeout: 20_000 }).toContain('session');
    const session = sessionOf(talk.stderr());
    await eventually(
      database.pool,
      'it runs',
      `select from howdah.executions where session_id = $1 and status = 'running'`,
      [session],
    );
    talk.interrupt();
    await expect.poll(talk.stderr, { timeout: 20_000 }).toContain('is cancelled');
    expect((await talk.end()).status).toBe(130);
    expect(await inputsOf(session)).toMatchObject([{ status: 'cancelled' }]);
  });

  test('Ctrl-C while nothing runs just exits', async () => {
    const talk = chat('greeter');
    await expect.poll(talk.stderr, { timeout: 20_000 }).toContain('session');
    talk.interrupt();
    expect((await talk.end()).status).toBe(130);
  });

  test('a run that fails says why, and the conversation goes on', async () => {
    const talk = chat('broken');
    talk.type('Hi');
    talk.type('Hi again');
    const { status, stderr } = await talk.end();
    expect(status).toBe(6); // as the last run ended
    expect(stderr.match(/failed \(error\)/g)).toHaveLength(2);
  });

  test('with --json gives one object per line', async () => {
    const talk = chat('asker', '--json');
    talk.type('Paint it');
    talk.type('red');
    const { stdout } = await talk.end();
    const objects = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(objects.map(({ type, kind }) => [type, kind].filter(Boolean).join(' '))).toEqual([
      'session',
      'step model',
      'step question',
      'question question',
      'step answer',
      'step tool',
      'step model',
      'step output',
      'end',
    ]);
    expect(objects.at(-1)).toMatchObject({ status: 'completed', output: 'So be it' });
  });

  test('refuses an unknown agent, an unknown session and what is no session', async () => {
    expect((await chat('greter').end()).status).toBe(3);
    const unknown = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    expect((await chat('greeter', '--session', unknown).end()).status).toBe(3);
    expect((await chat('greeter', '--session', '4711').end()).status).toBe(2);
  });
});
