import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const CREATE = `mutation ($mail: MailInput!) { createMail(input: { mail: $mail }) { mail {
  id threadId trust receivedAt toAgent { name } toExecution { id } } } }`;

test('a user writes to an agent and reads the thread with replies of agents', async () => {
  const agent = await makeAgent(db.pool, { name: 'desk' });
  const helper = await makeAgent(db.pool, { name: 'helper' });
  const run = await makeRun(db.pool, { agent_id: agent });
  const { data, errors } = await ask(api, CREATE, {
    mail: { toExecutionId: run, content: 'Hurry, please.' },
  });
  expect(errors).toEqual([]);
  const { mail } = data.createMail;
  expect(mail).toMatchObject({
    threadId: mail.id,
    trust: 'user',
    receivedAt: null,
    toAgent: { name: 'desk' },
    toExecution: { id: run },
  });
  await db.pool.query(`select howdah_private.call_receive($1, 'call_1', '{}')`, [run]);
  await db.pool.query('select howdah_private.call_send_message($1, $2, $3)', [
    run,
    JSON.stringify({ to: 'helper', message: 'Help me.', thread: mail.id }),
    '{}',
  ]);
  const thread = await ask(
    api,
    `query ($thread: UUID!, $run: UUID!, $helper: UUID!) {
       mails(condition: { threadId: $thread }) { nodes { content trust createdBy fromAgent { name } } }
       execution(id: $run) { mailSent { nodes { content } } mailReceived { nodes { content receivedCallId } } }
       agent(id: $helper) { mail { nodes { subject fromExecution { id } } } }
     }`,
    { thread: mail.id, run, helper },
  );
  expect(thread.errors).toEqual([]);
  expect(thread.data).toMatchObject({
    mails: {
      nodes: [
        {
          content: 'Hurry, please.',
          trust: 'user',
          createdBy: expect.any(String),
          fromAgent: null,
        },
        { content: 'Help me.', trust: 'internal', createdBy: null, fromAgent: { name: 'desk' } },
      ],
    },
    execution: {
      mailSent: { nodes: [{ content: 'Help me.' }] },
      mailReceived: { nodes: [{ content: 'Hurry, please.', receivedCallId: 'call_1' }] },
    },
    agent: { mail: { nodes: [{ subject: null, fromExecution: { id: run } }] } },
  });
});

test('boards are readable, and neither boards nor mail can be changed', async () => {
  const run = await makeRun(db.pool);
  await db.pool.query('select howdah_private.call_board_write($1, $2)', [
    run,
    '{"key": "plan", "value": {"steps": [1]}}',
  ]);
  const { data } = await ask(
    api,
    'query ($run: UUID!) { execution(id: $run) { boardEntries { nodes { key value version } } } }',
    { run },
  );
  expect(data.execution.boardEntries.nodes).toEqual([
    { key: 'plan', value: { steps: [1] }, version: 1 },
  ]);
  const { data: schema } = await ask(api, '{ __schema { mutationType { fields { name } } } }');
  const names = schema.__schema.mutationType.fields.map(({ name }: { name: string }) => name);
  expect(names.filter((name: string) => /mail|board/i.test(name))).toEqual(['createMail']);
});

test('invalid mail is rejected with code and field', async () => {
  const { id } = await one(db.pool, 'select howdah.uuid_v7() as id');
  for (const [mail, code] of [
    [{ content: 'x' }, 'HWINV'],
    [{ content: 'x', toAgentId: id }, 'HWNTF'],
    [{ content: ' ', toAgentId: await makeAgent(db.pool) }, 'HWINV'],
  ] as const) {
    const { errors } = await ask(api, CREATE, { mail });
    expect(errors).toMatchObject([{ extensions: { code } }]);
  }
});
