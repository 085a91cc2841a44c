import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ageOf } from '../../../../src/cli/commands/people/questions.ts';
import { main } from '../../../../src/cli/main.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { runCli, startAtTerminal } from '../../run-cli.ts';

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  const parameters = { type: 'object', properties: { cents: { type: 'integer' } } };
  const run = ({ cents }: { cents?: unknown }) => `paid ${cents}`;
  const pay = { name: 'pay', description: '', parameters, run };
  worker = await startTestWorker(database.url, { tools: [pay] });
  await database.pool.query(`
    update howdah.tools set requires_approval = true where name = 'pay';
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
    insert into howdah.agents (name, instruction, human_input) values ('asking', '', true), ('payer', '', false),
      ('both', '', true);
    insert into howdah.agent_tools (agent_id, tool_id)
    select howdah.agent(a), id from howdah.tools, unnest('{payer,both}'::text[]) as a where name = 'pay';
    insert into howdah.agent_models (agent_id, model_id, request_params)
    select howdah.agent(s.agent), m.id, jsonb_build_object('script', s.script)
    from howdah.models as m, (values
      ('asking', '[{"tool_calls": [{"name": "ask_user", "arguments": {"question": "Which colour?",
        "options": ["red", "blue"]}}]}, {"content": "Thank you"}]'::jsonb),
      ('payer', '[{"tool_calls": [{"name": "pay", "arguments": {"cents": 7}}]},
        {"tool_calls": [{"name": "pay", "arguments": {"cents": 8}}]}, {"content": "Done"}]'),
      ('both', '[{"tool_calls": [{"name": "pay", "arguments": {"cents": 7}},
        {"name": "ask_user", "arguments": {"question": "Why?"}}]}, {"content": "Done"}]')
    ) as s (agent, script) where m.name = 'script'`);
});
afterAll(async () => {
  await worker.stop(0);
});

const cli = (...argv: string[]) => runCli(database.url, ...argv);

/**
 * Starts a run with the command, which detaches when the run asks. Returns the ids of the question
 * and of the run.
 */
async function openQuestion(agent: string): Promise<{ question: string; execution: string }> {
  const { status, stdout, stderr } = await cli('run', agent, 'Hi');
  expect({ status, stdout }).toEqual({ status: 7, stdout: '' });
  const execution = /^execution (\S+)$/m.exec(stderr)?.[1] ?? '';
  const question = /howdah (?:answer|approve) (\S+)/.exec(stderr)?.[1] ?? '';
  return { question, execution };
}

const outputOf = async (id: string) => {
  const { status, stdout } = await cli('watch', id);
  return { status, stdout };
};

describe('howdah run', () => {
  test('that waits for a person prints the question and how to answer, and exits 7', async () => {
    const { status, stdout, stderr } = await cli('run', 'asking', 'Hi');
    expect({ status, stdout }).toEqual({ status: 7, stdout: '' });
    expect(stderr).toContain('waits for a person: Which colour?\n  options: red, blue\n');
    expect(stderr).toMatch(/ {2}howdah answer [0-9a-f-]{36} TEXT\n/);
  });

  test('lists all open questions and approvals, with the commands for a decision', async () => {
    const { status, stderr } = await cli('run', 'both', 'Hi');
    expect(status).toBe(7);
    expect(stderr).toContain('waits for a person: Approve pay({"cents":7})?');
    expect(stderr).toMatch(/ {2}howdah approve \S+\n {2}howdah reject \S+ --reason TEXT\n/);
    expect(stderr).toContain('waits for a person: Why?');
  });

  test('howdah show prints the same question later', async () => {
    const { question, execution } = await openQuestion('asking');
    const { stdout } = await cli('show', execution);
    expect(stdout).toContain(
      `waits for a person: Which colour?\n  options: red, blue\n  howdah answer ${question} TEXT\n`,
    );
  });

  test('with --json prints the question as an object', async () => {
    const { status, stdout } = await cli('run', 'asking', 'Hi', '--json');
    expect(status).toBe(7);
    const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ type: 'question', kind: 'question', prompt: 'Which colour?' });
  });

  /** Runs the command at a terminal, and types the next line at each prompt. */
  async function atTerminal(agent: string, ...lines: string[]) {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const stderr = new PassThrough({ encoding: 'utf8' });
    const host = Object.assign(new EventEmitter(), {
      stdin,
      stdout: new PassThrough({ encoding: 'utf8' }),
      stderr,
      exit: () => {},
    });
    let talk = '';
    stderr.on('data', (text: string) => {
      talk += text;
      if (/(answer|REASON): $/.test(text)) stdin.write(`${lines.shift() ?? ''}\n`);
    });
    const status = await main(['--database-url', database.url, 'run', agent, 'Hi'], host);
    return { status, stdout: host.stdout.read() ?? '', talk };
  }

  test('asks at a terminal until the answer is accepted', async () => {
    const { status, stdout, talk } = await atTerminal('asking', 'green', 'blue');
    expect(talk).toContain("'green' is not one of the options");
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Thank you\n' });
  });

  test('stops following the run on Ctrl-C, even at the prompt', async () => {
    const cli = startAtTerminal(database.url, 'run', 'asking', 'Hi');
    await vi.waitFor(() => expect(cli.stderr()).toMatch(/answer: $/), { timeout: 60_000 });
    cli.interrupt();
    expect(await cli.waitForReturn()).toBe(130);
    expect((await cli.end()).stderr).toMatch(/The run was not cancelled\..*howdah watch/);
  });

  test('accepts approve and reject at a terminal, and leaves the call open on an empty line', async () => {
    const { status, talk } = await atTerminal('payer', 'reject too dear', '');
    expect(talk).toMatch(/did not allow this call: too dear/);
    expect(talk).toContain('Approve pay({"cents":8})?');
    expect(status).toBe(7);
  });
});

describe('howdah questions', () => {
  test('lists open questions with run and agent, and all questions with --all', async () => {
    const { question, execution } = await openQuestion('asking');
    const open = await cli('questions');
    expect(open.stdout).toMatch(/^ID +KIND +RUN +AGENT +AGE +PROMPT\n/);
    expect(open.stdout).toMatch(
      new RegExp(`${question} +question +${execution} +asking +\\d+ s +Which colour\\?`),
    );
    await cli('answer', question, 'red');
    const ids = async (...options: string[]) =>
      JSON.parse((await cli('questions', '--json', ...options)).stdout).items.map(
        (item: { id: string }) => item.id,
      );
    expect(await ids()).not.toContain(question);
    expect(await ids('--all')).toContain(question);
    expect((await cli('questions', '--all')).stdout).toMatch(
      new RegExp(`${question}.* answered +red +Which colour`),
    );
  });

  test('prints ages in the largest unit', () => {
    const ages = [5, 65, 3 * 3600 + 5, 50 * 3600].map((s) => ageOf(new Date(0), s * 1000));
    expect(ages).toEqual(['5 s', '1 min', '3 h', '2 d']);
  });
});

describe('howdah answer', () => {
  test('resumes the run; a second answer exits 1 and names the first', async () => {
    const { question, execution } = await openQuestion('asking');
    const answered = await cli('answer', question, 'blue');
    expect(answered).toMatchObject({ status: 0, stdout: `${question} answered\n` });
    expect(answered.stderr).toContain(`howdah watch ${execution}`);
    expect(await outputOf(execution)).toEqual({ status: 0, stdout: 'Thank you\n' });
    const again = await cli('answer', question, 'red');
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('is no longer open: answered by');
  });

  test('accepts JSON, and rejects a missing, malformed or unsuitable answer', async () => {
    const { question } = await openQuestion('asking');
    for (const [argv, message] of [
      [['answer', question], 'the answer is missing'],
      [['answer', question, '--data', '{red}'], '--data is not valid JSON'],
      [['answer', question, 'green'], 'not one of the options'],
    ] as const) {
      const { status, stderr } = await cli(...argv);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
    }
    const { stdout } = await cli('answer', question, '--data', '"red"', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ id: question, answer: 'red', answer_data: 'red' });
  });

  test('with an unknown question exits 3, and with a malformed id 2', async () => {
    const unknown = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    for (const command of [
      ['answer', unknown, 'x'],
      ['approve', unknown],
      ['reject', unknown],
    ]) {
      expect((await cli(...command)).status).toBe(3);
    }
    const { status, stderr } = await cli('approve', '4711');
    expect(status).toBe(2);
    expect(stderr).toContain('4711 is not the id of a question');
  });
});

describe('howdah approve and reject', () => {
  test('allow a call, also with other arguments and for the rest of the run', async () => {
    const { question, execution } = await openQuestion('payer');
    const { status } = await cli(
      'approve',
      question,
      '--remember',
      'run',
      '--arguments',
      '{"cents": 3}',
    );
    expect(status).toBe(0);
    expect(await outputOf(execution)).toEqual({ status: 0, stdout: 'Done\n' });
    const { stdout } = await cli('show', execution);
    expect(stdout).toContain('paid 3');
    expect(stdout).toContain('paid 8');
  });

  test('send the reason of a rejection to the model', async () => {
    const { question, execution } = await openQuestion('payer');
    expect((await cli('reject', question, '--reason', 'too dear')).status).toBe(0);
    await eventually(
      database.pool,
      'the model is told',
      `select from howdah.messages where execution_id = $1 and content like '%too dear%'`,
      [execution],
    );
  });

  test('reject an invalid scope and invalid arguments', async () => {
    const { question } = await openQuestion('payer');
    const scope = await cli('approve', question, '--remember', 'ever');
    expect(scope.status).toBe(2);
    expect(scope.stderr).toContain('run, session, agent');
    const wrong = await cli('approve', question, '--arguments', '{"cents": "many"}');
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('cents');
    expect((await cli('answer', question, 'yes')).stderr).toContain('approve');
  });
});
