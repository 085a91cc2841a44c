import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startAtTerminal, startCli } from '../run-cli.ts';

const database = testDatabase();
let worker: Worker;
let api: ApiServer;

const POEM = 'Grüße: the parcel left on Monday, and every word of this came one by one. '.repeat(
  20,
);
/** Allows a model, which stops in the middle of its answer, to continue. */
const gate = createGate();
const poets = createServer(async (request, response) => {
  request.resume();
  const left = once(response, 'close');
  const sendDelta = (delta: object, finish_reason: string | null = null) => {
    const chunk = { choices: [{ index: 0, delta, finish_reason }] };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  sendDelta({ role: 'assistant', content: POEM.slice(0, 700) });
  await gate.pass(left);
  sendDelta({ content: POEM.slice(700) });
  sendDelta({}, 'stop');
  response.end('data: [DONE]\n\n');
});

beforeAll(async () => {
  await once(poets.listen(0, '127.0.0.1'), 'listening');
  const { port } = poets.address() as AddressInfo;
  api = await startTestApi(database.url);
  worker = await startTestWorker(database.url, { openai: `http://127.0.0.1:${port}/v1` });
  await database.pool.query(`
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script'), ('poet', 'openai', 'poet');
    insert into howdah.agents (name, instruction, human_input, use_history)
    values ('greeter', 'Greet.', false, false), ('asker', 'Ask.', true, false),
      ('slow', 'Wait.', false, false), ('broken', 'Fail.', false, false), ('poet', 'Write.', false, false);
    insert into howdah.agent_models (agent_id, model_id)
    select howdah.agent('poet'), id from howdah.models where name = 'poet';
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
  await worker?.stop(0);
  await api?.close();
  poets.close();
});

/** Nothing listens here, so queries fail. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
type Ways = { url(): string; more(): string[] };
/** Ways to hold a conversation. The terminal shows the same for all of them. */
const WAYS: [string, Ways][] = [
  ['in a database', { url: () => database.url, more: () => [] }],
  ['over an API', { url: () => UNREACHABLE_URL, more: () => ['--api', api.url] }],
];

const sessionOf = (stderr: string) => /session (\S+)/.exec(stderr)?.[1] ?? '';

const inputsOf = async (session: string) => {
  const { rows } = await database.pool.query(
    'select turn, input, status from howdah.executions where session_id = $1 order by turn',
    [session],
  );
  return rows;
};

describe.each(WAYS)('howdah chat %s', (_name, { url, more }) => {
  const chat = (...argv: string[]) => startCli(url(), 'chat', ...argv, ...more());

  test('answers line by line in one session, and ends with its input', async () => {
    const talk = chat('greeter');
    talk.type('Hi');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe('Hello there\n');
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

  test('takes the id of an agent in place of its name', async () => {
    const { rows } = await database.pool.query(`select howdah.agent('greeter') as id`);
    const talk = chat('--agent-id', rows[0].id);
    talk.type('Hi');
    expect(await talk.end()).toMatchObject({ status: 0, stdout: 'Hello there\n' });
    const unknown = chat('--agent-id', '01980000-0000-7000-8000-000000000000');
    expect((await unknown.end()).status).toBe(3);
    for (const argv of [['--agent-id', 'greeter'], ['greeter', '--agent-id', rows[0].id], []]) {
      expect((await chat(...argv).end()).status, argv.join(' ')).toBe(2);
    }
  });

  test('lines sent together are answered in order', async () => {
    const talk = chat('greeter');
    for (const line of ['a', 'b', 'c']) talk.type(line);
    const { stdout, stderr } = await talk.end();
    expect(stdout).toBe('Hello there\n'.repeat(3));
    expect((await inputsOf(sessionOf(stderr))).map(({ input }) => input)).toEqual(['a', 'b', 'c']);
  });

  test('prints questions of the run; the next line answers, and an invalid answer may be repeated', async () => {
    const talk = chat('asker');
    talk.type('Paint it');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe('Which colour?\n');
    expect(talk.stderr()).toContain('red · blue');
    talk.type('green');
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('not one of the options');
    talk.type('blue');
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Which colour?\nSo be it\n' });
    expect(await inputsOf(sessionOf(stderr))).toHaveLength(1);
    expect(stderr.match(/ model {2}/g)).toHaveLength(2); // no step is shown twice
  });

  test('resumes a session with its open question', async () => {
    const left = chat('asker');
    left.type('Paint it');
    const first = await left.end();
    expect(first).toMatchObject({ status: 7, stdout: 'Which colour?\n' });
    expect(first.stderr).toContain('waits for your answer');
    const session = sessionOf(first.stderr);
    const talk = chat('asker', '--session', session);
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe('Which colour?\n');
    talk.type('red');
    expect((await talk.end()).stdout).toBe('Which colour?\nSo be it\n');
    // the session has another agent
    const other = chat('greeter', '--session', session);
    other.type('Hi');
    expect((await other.end()).stdout).toBe('Hello there\n');
    expect(await inputsOf(session)).toHaveLength(2);
  });

  test('Ctrl-C cancels the live run and exits 130', async () => {
    const talk = chat('slow');
    talk.type('Hi');
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('session');
    const session = sessionOf(talk.stderr());
    await eventually(
      database.pool,
      'it runs',
      `select from howdah.executions where session_id = $1 and status = 'running'`,
      [session],
    );
    talk.interrupt();
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('is cancelled');
    expect((await talk.end()).status).toBe(130);
    expect(await inputsOf(session)).toMatchObject([{ status: 'cancelled' }]);
  });

  test('Ctrl-C while nothing runs just exits', async () => {
    const talk = chat('greeter');
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('session');
    talk.interrupt();
    expect((await talk.end()).status).toBe(130);
  });

  test('a failed run prints its reason, and the conversation continues', async () => {
    const talk = chat('broken');
    talk.type('Hi');
    talk.type('Hi again');
    const { status, stderr } = await talk.end();
    expect(status).toBe(6); // the code of the last run
    expect(stderr.match(/failed \(error\)/g)).toHaveLength(2);
  });

  test('with --json prints one object per line', async () => {
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

  test('rejects an unknown agent, an unknown session and a malformed session id', async () => {
    expect((await chat('greter').end()).status).toBe(3);
    const unknown = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    expect((await chat('greeter', '--session', unknown).end()).status).toBe(3);
    expect((await chat('greeter', '--session', '4711').end()).status).toBe(2);
  });
});

describe.each(WAYS)('an answer that streams %s', (_name, { url, more }) => {
  const chat = (...argv: string[]) => startCli(url(), 'chat', ...argv, ...more());

  const HALF = POEM.slice(0, 700);

  test('appears on stdout once, before its step is committed, and steps do not repeat it', async () => {
    const talk = chat('poet', '--stream');
    talk.type('Hi');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe(HALF);
    const { rows } = await database.pool.query(
      'select e.step_count from howdah.executions as e where e.session_id = $1',
      [sessionOf(talk.stderr())],
    );
    expect(rows).toEqual([{ step_count: 0 }]);
    gate.allow(1);
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe(`${POEM}\n`);
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${POEM}\n` });
    expect(stderr).not.toContain('Grüße');
    expect(stderr).toContain('completed (final_answer)');
  });

  test('is cancelled by Ctrl-C, and the printed text remains', async () => {
    const talk = chat('poet', '--stream');
    talk.type('Hi');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe(HALF);
    talk.interrupt();
    expect(await talk.end()).toMatchObject({ status: 130, stdout: HALF });
  });

  test('is printed in pieces with --json --stream, and whole in the step', async () => {
    const talk = chat('poet', '--json', '--stream');
    talk.type('Hi');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toContain('"token"');
    gate.allow(1);
    const objects = (await talk.end()).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const [piece] = objects.filter(({ type }) => type === 'token');
    expect(piece).toMatchObject({ seq: 1, attempt: 1, text: HALF });
    expect(objects.at(-1)).toMatchObject({ type: 'end', output: POEM });
  });

  test('is printed whole without --stream', async () => {
    gate.allow(1);
    const talk = chat('poet');
    talk.type('Hi');
    const { stdout, stderr } = await talk.end();
    expect(stdout).toBe(`${POEM}\n`);
    expect(stderr).toMatch(/1 {2}model +poet .*Grüße/);
  });
});

describe.each(WAYS)('slash commands %s', (_name, { url, more }) => {
  const chat = (...argv: string[]) => startCli(url(), 'chat', ...argv, ...more());

  test('list agents, switch, and show history; a double slash begins a message', async () => {
    const talk = chat('greeter');
    for (const line of [
      '/help',
      'Hi',
      '/agent',
      '/agent asker',
      'Paint it',
      'blue',
      '/switch greeter',
      '//slash',
      '/history',
      '/cost',
      '/trace',
      '/agents',
      '/quit',
      'never said',
    ]) {
      talk.type(line);
    }
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'Hello there\nWhich colour?\nSo be it\nHello there\n',
    });
    const lines = stderr.split('\n');
    expect(lines).toContain(
      '/agent [NAME]  show the current agent; with a name, switch to that agent for the next message (alias /switch)',
    );
    expect(lines.filter((line) => /^agent /.test(line))).toEqual([
      'agent greeter',
      'agent asker',
      'agent greeter',
    ]);
    const talked = lines.filter((line) => /^ +\d+ {2}(you|greeter|asker): /.test(line));
    expect(talked).toEqual([
      '  1  you: Hi',
      '  1  greeter: Hello there',
      '  2  you: Paint it',
      '  2  asker: So be it',
      '  3  you: /slash',
      '  3  greeter: Hello there',
    ]);
    expect(stderr).toMatch(/^3 runs · \d+ tokens in, \d+ out · cost 0$/m);
    expect(stderr).toMatch(/^ID +NAME +VERSION/m);
    expect((await inputsOf(sessionOf(stderr))).map(({ input }) => input)).toEqual([
      'Hi',
      'Paint it',
      '/slash',
    ]);
  });

  test('/fork continues from an earlier turn in a new session; the old session is unchanged', async () => {
    const talk = chat('greeter');
    for (const line of [
      '/fork',
      'One',
      'Two',
      '/fork 3',
      '/fork x',
      '/fork 1',
      '/agent asker',
      'Other',
    ]) {
      talk.type(line);
    }
    for (const line of ['/history', 'More']) talk.type(line);
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\n'.repeat(4) });
    for (const said of [
      'this session has no turns to fork from',
      'this session has no turn 3',
      'this session has no turn x',
      'the agent cannot be switched before the fork has its first message',
      'the next message continues after turn 1, in a new session',
    ]) {
      expect(stderr).toContain(said);
    }
    const [, old, branch] =
      /session (\S+) · type a message[\s\S]*session (\S+) · continues after turn 1 of \1/.exec(
        stderr,
      ) ?? ['', '', ''];
    expect((await inputsOf(old)).map(({ input }) => input)).toEqual(['One', 'Two']);
    expect((await inputsOf(branch)).map(({ input }) => input)).toEqual(['Other', 'More']);
    expect(
      stderr.split('\n').filter((line) => /^ +[-\d]+ {2}(you|greeter|assistant): /.test(line)),
    ).toEqual([
      '  -  you: One',
      '  -  assistant: Hello there',
      '  1  you: Other',
      '  1  greeter: Hello there',
    ]);
    const { rows } = await database.pool.query(
      'select forked_from_session_id as id, forked_from_turn as turn from howdah.sessions where id = $1',
      [branch],
    );
    expect(rows).toEqual([{ id: old, turn: 1 }]);
  });

  test('/fork leaves an open question behind, and is rejected while its turn runs', async () => {
    const talk = chat('asker', '--json');
    for (const line of [
      'Paint it',
      'red',
      'Once more',
      '/fork',
      'Late',
      '/fork 1',
      'Other',
      'blue',
    ]) {
      talk.type(line);
    }
    const { stdout } = await talk.end();
    const objects = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const sessions = objects.filter(({ type }) => type === 'session').map(({ id }) => id);
    expect(sessions).toHaveLength(2);
    expect(objects.filter(({ type }) => type === 'fork')).toEqual([
      { type: 'fork', session_id: sessions[0], turn: 2 },
      { type: 'fork', session_id: sessions[0], turn: 1 },
    ]);
    expect(await inputsOf(sessions[0])).toEqual([
      { turn: 1, input: 'Paint it', status: 'completed' },
      { turn: 2, input: 'Once more', status: 'waiting' },
    ]);
    expect(await inputsOf(sessions[1])).toEqual([{ turn: 1, input: 'Other', status: 'completed' }]);
  });

  test('an unknown command or agent prints a suggestion, and the conversation continues', async () => {
    const talk = chat('greeter');
    for (const line of ['/histroy', '/agent greter', 'Hi']) talk.type(line);
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\n' });
    expect(stderr).toContain('there is no command /histroy');
    expect(stderr).toContain('Did you mean /history?');
    expect(stderr).toMatch(/error: .*greter/);
  });

  test('print an object with --json', async () => {
    const talk = chat('greeter', '--json');
    for (const line of ['/help', '/agent', '/cost', '/history', '/trace', '/agents']) {
      talk.type(line);
    }
    const { stdout } = await talk.end();
    const objects = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(objects.map(({ type }) => type)).toEqual([
      'session',
      'help',
      'agent',
      'cost',
      'history',
      'trace',
      'agents',
    ]);
    expect(objects[3]).toEqual({ type: 'cost', runs: 0, tokens_in: 0, tokens_out: 0, cost: 0 });
  });
});

describe.each(WAYS)('at a terminal %s', (_name, { url, more }) => {
  test('supports line editing and history, names the agent in the prompt, and streams answers', async () => {
    const talk = startAtTerminal(url(), 'chat', 'poet', ...more());
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('poet> ');
    gate.allow(1);
    talk.type('Hx\u007fi');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe(`${POEM}\n`);
    talk.type('/agent asker');
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('asker> ');
    talk.type('Paint it');
    await expect.poll(talk.stderr, { timeout: 60_000 }).toContain('answer> ');
    talk.type('red');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toContain('So be it\n');
    talk.type('\u001b[A\u001b[A'); // the line before the last: Paint it
    await expect.poll(talk.stdout, { timeout: 60_000 }).toMatch(/So be it\nWhich colour\?\n$/);
    talk.type('\u0003');
    const { status, stderr } = await talk.end();
    expect(status).toBe(130);
    expect(stderr).toContain('is cancelled');
    const inputs = await inputsOf(sessionOf(stderr));
    expect(inputs.map(({ input }) => input)).toEqual(['Hi', 'Paint it', 'Paint it']);
  });
});
