import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { callTools, createLatch, insertRun, makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  type Answer,
  ask,
  follow,
  openSocket,
  type Socket,
  startTestApi,
  UPDATED,
  until,
} from '../harness.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let socket: Socket;
const gate = createLatch();

beforeAll(async () => {
  api = await startTestApi(db.url);
  const parameters = { type: 'object', properties: { cents: { type: 'integer' } } };
  worker = await startTestWorker(db.url, {
    tools: [
      { name: 'pay', description: '', parameters, run: ({ cents }) => `paid ${cents}` },
      { name: 'slow', description: '', parameters, run: () => gate.opened.then(() => 'done') },
    ],
  });
  await db.pool.query(`update howdah.tools set requires_approval = true where name = 'pay'`);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});
beforeEach(() => {
  socket = openSocket(api);
});
afterEach(async () => {
  await socket.client.dispose();
});

const QUESTIONS = `query ($id: UUID!) { execution(id: $id) {
  status waitingFor
  questions(condition: { status: open }) { nodes { id kind prompt options toolCall status } }
} }`;

/** Starts a run and waits until it has asked. */
async function start(call: { name: string; arguments: object }) {
  const script = [callTools(call as never), callTools({ name: 'slow' }), { content: 'done' }];
  const tools = [call.name, 'slow'];
  const id = await insertRun(db.pool, await makeAgent(db.pool, { script, tools }));
  const followed = follow(socket, UPDATED, { id });
  await until(() => followed.items.at(-1)?.status === 'waiting');
  const { data } = await ask(api, QUESTIONS, { id });
  const [question] = data.execution.questions.nodes;
  return { id, followed, question, execution: data.execution as Answer };
}

const readStatuses = (items: Answer[]) =>
  items.map(({ status }) => status).filter((one, i, all) => one !== all[i - 1]);

describe('over GraphQL', () => {
  test('a question is answered, and a subscriber sees the run wait, continue and complete', async () => {
    const { followed, question, execution } = await start({
      name: 'ask_user',
      arguments: { question: 'Which colour?', options: ['red', 'blue'] },
    });
    expect(execution.waitingFor).toBe('question');
    expect(question).toMatchObject({ prompt: 'Which colour?', options: ['red', 'blue'] });
    const mutation = `mutation ($id: UUID!, $answer: String!) {
      answerQuestion(input: { id: $id, answer: $answer }) { result { status answer execution { id } } } }`;
    const refused = await ask(api, mutation, { id: question.id, answer: 'green' });
    expect(refused.errors).toMatchObject([
      { extensions: { code: 'HWINV', detail: { field: 'answer', question_id: question.id } } },
    ]);
    const { data } = await ask(api, mutation, { id: question.id, answer: 'red' });
    expect(data.answerQuestion.result).toMatchObject({ answer: 'red', status: 'answered' });
    await until(() => followed.items.at(-1)?.status === 'running');
    gate.open();
    expect(await followed.end).toBe('completed');
    const seen = readStatuses(followed.items).filter((status) => status !== 'queued');
    expect(seen.slice(seen.indexOf('waiting'))).toEqual(['waiting', 'running', 'completed']);
    const again = await ask(api, mutation, { id: question.id, answer: 'red' });
    expect(again.errors).toMatchObject([{ extensions: { code: 'HWCNF' } }]);
  });

  test('a call is approved with other arguments, and rejected with a reason', async () => {
    const call = { name: 'pay', arguments: { cents: 7 } };
    const approved = await start(call);
    expect(approved.question).toMatchObject({
      kind: 'approval',
      toolCall: { arguments: { cents: 7 } },
    });
    const edited = await ask(
      api,
      `mutation ($id: UUID!) { approve(input: { questionId: $id, remember: run, arguments: {cents: 3} }) {
         result { answer answerData } } }`,
      { id: approved.question.id },
    );
    expect(edited.data?.approve.result).toEqual({ answer: 'approve', answerData: { cents: 3 } });
    await approved.followed.end;
    const rejected = await start(call);
    await ask(
      api,
      `mutation ($id: UUID!) { reject(input: { questionId: $id, reason: "too dear" }) { result { id } } }`,
      { id: rejected.question.id },
    );
    await rejected.followed.end;
    const results = `query ($id: UUID!) { execution(id: $id) { messages { nodes { role content } } } }`;
    const resultOf = async (id: string) =>
      (await ask(api, results, { id })).data.execution.messages.nodes
        .filter(({ role }: Answer) => role === 'tool')
        .map(({ content }: Answer) => content);
    expect(await resultOf(approved.id)).toEqual(['paid 3', 'done']);
    expect(await resultOf(rejected.id)).toEqual([expect.stringContaining('too dear'), 'done']);
  });

  test('the open questions of the tenant are listed', async () => {
    const { id, question } = await start({ name: 'ask_user', arguments: { question: 'Now?' } });
    const { data } = await ask(
      api,
      '{ questions(condition: { status: open }) { nodes { id execution { id } } } }',
    );
    expect(data.questions.nodes).toContainEqual({ id: question.id, execution: { id } });
  });
});
