import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { makeApiKey, makeAgent as makeRow, makeRun, makeTenant, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { type CliResult, runCli, startCli } from '../run-cli.ts';

// Texts and JSON from files or standard input, and runs selected without an id.

const db = testDatabase();
let worker: Worker;
let api: ApiServer;
let folder: string;
let agent: string;
let agent_id: string;

beforeAll(async () => {
  worker = await startTestWorker(db.url);
  api = await startTestApi(db.url, tokenOptions);
  folder = await mkdtemp(join(tmpdir(), 'howdah-given-'));
  agent_id = await makeAgent(db.pool, { script: [{ content: 'Read.' }] });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [agent_id])).name;
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  if (folder) await rm(folder, { recursive: true });
});

const cli = (...line: string[]) => runCli(db.url, ...line);
const runWithStdin = (text: string, ...line: string[]): Promise<CliResult> => {
  const command = startCli(db.url, ...line);
  if (text !== '') command.type(text);
  return command.end();
};
const file = async (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
/** Returns the input of a run that was started this way. */
const startedRun = async ({ status, stdout, stderr }: CliResult) => {
  expect([status, stderr]).toEqual([0, '']);
  return one(
    db.pool,
    'select input, input_data, metadata, overrides, max_cost from howdah.executions where id = $1',
    [stdout.trim()],
  );
};

describe('run input', () => {
  test('is read from files', async () => {
    const text = await file('letter.txt', '\uFEFFDear all,\r\n\nbye\n');
    const data = await file('data.json', '{"a": 12345678901234567890}\n');
    const tags = await file('tags.json', '{"order": 4711}');
    const run = ['run', agent, `@${text}`, '--data', `@${data}`, '--metadata', `@${tags}`];
    expect(await startedRun(await cli(...run, '--detach'))).toMatchObject({
      input: 'Dear all,\r\n\nbye',
      metadata: { order: 4711 },
    });
    const { rows } = await db.pool.query(
      `select input_data ->> 'a' as a from howdah.executions where input like 'Dear all%'`,
    );
    expect(rows).toEqual([{ a: '12345678901234567890' }]);
  });

  test('is left out where it is null', async () => {
    const nulls = ['--data', 'null', '--metadata', 'null', '--overrides', '{"model": null}'];
    expect(await startedRun(await cli('run', agent, 'Hi', ...nulls, '--detach'))).toMatchObject({
      input_data: null,
      metadata: {},
      overrides: null,
    });
  });

  test('is read from standard input', async () => {
    const { input } = await startedRun(
      await runWithStdin('Hello\n', 'run', agent, '-', '--detach'),
    );
    expect(input).toBe('Hello\n');
    expect(
      await startedRun(
        await runWithStdin('["tea"]', 'run', agent, 'Hi', '--data', '-', '--detach'),
      ),
    ).toMatchObject({ input: 'Hi', input_data: ['tea'] });
    const { rows } = await db.pool.query(`select howdah.agent($1) as id`, [agent]);
    const line = ['run-agent', '--agent-id', rows[0].id, '--message', '-', '--detach'];
    expect(await startedRun(await runWithStdin('By id', ...line))).toMatchObject({
      input: 'By id',
    });
  });

  test('may begin with @ when it is escaped as @@', async () => {
    expect(await startedRun(await cli('run', agent, '@@all: hi', '--detach'))).toMatchObject({
      input: '@all: hi',
    });
  });

  test('includes budget, model and parameters from options', async () => {
    const line = ['--budget', '0.10', '--temperature', '0', '--param', 'reasoning_effort=low'];
    const more = ['--param', 'top_p=0.5', '--overrides', '{"request_params": {"seed": 7}}'];
    expect(
      await startedRun(await cli('run', agent, 'Hi', '--detach', ...line, ...more)),
    ).toMatchObject({
      max_cost: '0.10',
      overrides: {
        request_params: { seed: 7, temperature: 0, reasoning_effort: 'low', top_p: 0.5 },
      },
    });
  });

  test.each<[string[], RegExp, RegExp]>([
    [['@nowhere.txt'], /the message cannot be read from nowhere.txt: there is no such file/, /@@/],
    [['@'], /the message cannot be read from a file/, /@@/],
    [['@.'], /it is not a file/, /@@/],
    [['-'], /standard input is empty, so the message has no value/, /Pipe a text/],
    [['Hi', '--data', '{tea}'], /--data is not valid JSON/, /--data '\["tea", "milk"\]'/],
    [['-', '--data', '-'], /standard input/, /./],
    [['Hi', '--metadata', '[1]'], /--metadata is not a JSON object/, /order/],
    [['Hi', '--overrides', '[1]'], /--overrides is not a JSON object/, /"model"/],
    [['Hi', '--budget', '0'], /Use an amount above 0/, /./],
    [['Hi', '--budget', 'much'], /Use an amount above 0/, /./],
    [['Hi', '--temperature', 'hot'], /Use a number/, /./],
    [['Hi', '--param', 'top_p'], /Use NAME=VALUE/, /./],
  ])('is rejected: %o', async (line, message, hint) => {
    const { status, stdout, stderr } = await cli('run', agent, ...line);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(hint);
  });

  test('is rejected if a file contains no text, invalid JSON or nothing', async () => {
    const image = await file('image.png', Uint8Array.of(0x89, 0x50, 0xff, 0xfe));
    const wrong = await file('wrong.json', '{"a": }');
    const empty = await file('empty.txt', '\n');
    for (const [line, message] of [
      [[`@${image}`], `the message cannot be read from ${image}: it is not valid UTF-8 text`],
      [['Hi', '--data', `@${wrong}`], `--data (${wrong}) is not valid JSON`],
      [[`@${empty}`], `${empty} is empty, so the message has no value`],
    ] as const) {
      const { status, stderr } = await cli('run', agent, ...line);
      expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
    }
  });

  test('reads standard input only once', async () => {
    const { status, stderr } = await runWithStdin('x', 'run', agent, '-', '--data', '-');
    expect(status).toBe(2);
    expect(stderr).toContain('standard input cannot be both the message and --data');
  });
});

test('an answer is read from a file or from standard input', async () => {
  const call = { name: 'ask_user', arguments: { question: 'Which colour?' }, id: 'q1' };
  const script = [{ tool_calls: [call] }, { content: 'Painted.' }];
  const asking = await makeAgent(db.pool, { script, tools: ['ask_user'] });
  const openQuestion = async () => {
    const id = await makeRun(db.pool, { agent_id: asking });
    await eventually(
      db.pool,
      'it asks',
      `select from howdah.questions where execution_id = $1 and status = 'open'`,
      [id],
    );
    return (await one(db.pool, 'select id from howdah.questions where execution_id = $1', [id])).id;
  };
  const answers: [string, (id: string) => Promise<CliResult>][] = [
    ['blue', async (id) => cli('answer', id, `@${await file('answer.txt', 'blue\n')}`)],
    ['red', (id) => runWithStdin('red', 'answer', id, '-')],
  ];
  for (const [colour, give] of answers) {
    const id = await openQuestion();
    expect(await give(id)).toMatchObject({ status: 0, stdout: `${id} answered\n` });
    const { answer } = await one(db.pool, 'select answer from howdah.questions where id = $1', [
      id,
    ]);
    expect(answer).toBe(colour);
  }
});

describe('howdah watch without an id', () => {
  test('follows the newest root run', async () => {
    await cli('run', agent, 'Before', '--detach');
    const { stdout } = await cli('run', agent, 'Now', '--detach');
    const watched = await cli('watch');
    expect(watched).toMatchObject({ status: 0, stdout: 'Read.\n' });
    expect(watched.stderr).toContain(`execution ${stdout.trim()}`);
  });

  test('uses only runs of one tenant', async () => {
    const tenant_id = await makeTenant(db.pool, 'quiet');
    const { status, stderr } = await cli('watch', '--tenant', 'quiet');
    expect([status, stderr]).toEqual([3, expect.stringContaining('you have no run yet')]);
    const theirs = await makeRow(db.pool, { tenant_id });
    const id = await makeRun(db.pool, { tenant_id, agent_id: theirs });
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    const watched = await cli('watch', '--tenant', 'quiet');
    expect([watched.status, watched.stderr]).toEqual([6, expect.stringContaining(id)]);
    expect((await cli('watch', '--tenant', 'quite')).status).toBe(3);
  });

  test('over an API uses only runs of the key’s user', async () => {
    const tenant_id = await makeTenant(db.pool);
    const row = await makeRow(db.pool, { tenant_id });
    const person = async (name: string) => {
      const user = await one(
        db.pool,
        `insert into howdah.users (tenant_id, username, role) values ($1, $2, 'member') returning id`,
        [tenant_id, name],
      );
      const { key } = await makeApiKey(db.pool, tenant_id, { user_id: user.id });
      return { user_id: user.id as string, key };
    };
    const insertEndedRun = async (user_id: string) => {
      // no worker starts it
      const run = { tenant_id, agent_id: row, user_id, run_at: '2099-01-01' };
      const id = await makeRun(db.pool, run);
      await db.pool.query('select howdah.cancel_execution($1)', [id]);
      return id;
    };
    const [ann, bob, cleo] = [await person('ann'), await person('bob'), await person('cleo')];
    const [hers, his] = [await insertEndedRun(ann.user_id), await insertEndedRun(bob.user_id)];
    const watched = async (key: string) => {
      process.env.HOWDAH_API_KEY = key;
      try {
        return await runCli('postgresql://127.0.0.1:1/nowhere', 'watch', '--api', api.url);
      } finally {
        delete process.env.HOWDAH_API_KEY;
      }
    };
    expect((await watched(ann.key)).stderr).toContain(`execution ${hers}`);
    expect((await watched(bob.key)).stderr).toContain(`execution ${his}`);
    expect((await watched(cleo.key)).status).toBe(3);
    expect((await watched((await makeApiKey(db.pool, tenant_id)).key)).stderr).toContain(his);
  });
});
