import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../../src/index.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeAgentTool } from '../../runtime/arrange.ts';
import { all, one } from '../../sql/support.ts';
import { tablesWithText } from '../../support/database/rows-with-text.ts';
import { ask, until } from '../harness.ts';
import { connect as connectMcp } from '../mcp/mcp-client.ts';
import { type OpenAiFixture, openOpenAiFixture } from '../openai/support.ts';
import { call } from '../rest/call.ts';

// Input of users is filtered before it is stored, whichever interface they use. Text withheld by a
// filter is in no row, and no model receives it.

const CARD = '4111 1111 1111 1111';
const TEXT = `Charge ${CARD}, please.`;
const WITHHELD = 'Charge [card withheld], please.';
let fixture: OpenAiFixture;
let agent: string;

beforeAll(async () => {
  fixture = await openOpenAiFixture();
  agent = await fixture.agent(() => ({ content: 'Charged.' }));
});
afterAll(() => fixture?.close());

const filter = (action: string) =>
  fixture.db.pool.query(
    `insert into howdah.output_filters (name, pattern, action, places)
     values ('card', '\\m(\\d[ -]?){13,16}\\M', $1, '{input}')
     on conflict (tenant_id, name) do update set action = excluded.action`,
    [action],
  );
const post = async (path: string, body: object) => {
  const { status, body: answer } = await call(fixture.api, 'POST', path, body);
  return { isRefused: status >= 400, answer: JSON.stringify(answer) };
};
const graphql = async (query: string, variables: object) => {
  const { data, errors } = await ask(fixture.api, query, variables);
  return { isRefused: errors.length > 0, answer: JSON.stringify({ data, errors }) };
};
const cli = async (...argv: string[]) => {
  const { status, stdout, stderr } = await runCli(fixture.db.url, ...argv);
  return { isRefused: status !== 0, answer: stdout + stderr };
};
const idOf = async (name: string) =>
  (await one(fixture.db.pool, 'select howdah.agent($1) as id', [name])).id as string;
const row = (id: string) =>
  one(fixture.db.pool, 'select * from howdah.executions where id = $1', [id]);
const newSession = async () =>
  (await one(fixture.db.pool, 'select id from howdah.start_session($1)', [agent])).id as string;
const userMessage = { role: 'user', content: TEXT };

type Sent = { isRefused: boolean; answer: string };
const endpoints: Record<string, () => Promise<Sent>> = {
  'GraphQL run': () =>
    graphql(
      'mutation ($agent: String!, $input: String!) { run(input: {agent: $agent, input: $input}) { result { input } } }',
      { agent, input: TEXT },
    ),
  'GraphQL createExecution': async () =>
    graphql(
      'mutation ($id: UUID!, $input: String!) { createExecution(input: {execution: {agentId: $id, input: $input}}) { execution { input } } }',
      { id: await idOf(agent), input: TEXT },
    ),
  'GraphQL sendMessage': async () =>
    graphql(
      'mutation ($id: UUID!, $content: String!) { sendMessage(input: {sessionId: $id, content: $content}) { result { id } } }',
      { id: await newSession(), content: TEXT },
    ),
  'REST execute': () => post('/api/execute', { agent, message: TEXT }),
  'REST messages of a session': async () =>
    post(`/sessions/${await newSession()}/messages`, { content: TEXT }),
  'the client': () =>
    connect(fixture.api.url)
      .agent(agent)
      .run(TEXT)
      .then(
        (id) => ({ isRefused: false, answer: id }),
        (error) => ({ isRefused: true, answer: error.message }),
      ),
  'the command line': () => cli('run', agent, TEXT, '--json'),
  'the command line, over the API': () =>
    cli('run', agent, TEXT, '--json', '--api', fixture.api.url),
  'chat completions': () => post('/v1/chat/completions', { model: agent, messages: [userMessage] }),
  'chat completions, in the history': () =>
    post('/v1/chat/completions', {
      model: agent,
      messages: [
        userMessage,
        { role: 'assistant', content: 'Really?' },
        { role: 'user', content: 'Yes.' },
      ],
    }),
  'chat completions, in a part': () =>
    post('/v1/chat/completions', {
      model: agent,
      messages: [{ role: 'user', content: [{ type: 'text', text: TEXT }] }],
    }),
  responses: () => post('/v1/responses', { model: agent, input: TEXT }),
  A2A: () =>
    post(`/a2a/${agent}`, {
      jsonrpc: '2.0',
      id: 1,
      method: 'message/send',
      params: {
        message: {
          kind: 'message',
          messageId: crypto.randomUUID(),
          role: 'user',
          parts: [{ kind: 'text', text: TEXT }],
        },
      },
    }).then(({ answer }) => ({ isRefused: 'error' in JSON.parse(answer), answer })),
  'AG-UI': () =>
    post(`/ag-ui/agents/${agent}`, {
      threadId: crypto.randomUUID(),
      runId: crypto.randomUUID(),
      state: {},
      messages: [{ id: '1', ...userMessage }],
      tools: [],
      context: [],
      forwardedProps: {},
    }),
  'chats of user interfaces': () =>
    post('/api/chat', {
      id: crypto.randomUUID(),
      agent,
      messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: TEXT }] }],
    }),
  MCP: async () => {
    const client = await connectMcp(fixture.api);
    try {
      const result = await client.callTool({ name: agent, arguments: { message: TEXT } });
      return { isRefused: result.isError === true, answer: JSON.stringify(result) };
    } finally {
      await client.close();
    }
  },
};

describe.each(Object.keys(endpoints))('over %s', (endpoint) => {
  const send = endpoints[endpoint] as (typeof endpoints)[string];
  const runs = () =>
    all(
      fixture.db.pool,
      'select id, input, input_parts, history, completed_at, input_hits from howdah.executions',
    );

  test('a text is stored, and sent to the model, without what a filter withholds', async () => {
    await filter('redact');
    const before = new Set((await runs()).map(({ id }) => id));
    const sent = await send();
    expect(sent).toMatchObject({ isRefused: false });
    expect(sent.answer).not.toContain('1111');
    await until(async () => (await runs()).every(({ completed_at }) => completed_at !== null));
    const made = (await runs()).filter(({ id }) => !before.has(id));
    expect(made).toMatchObject([
      { input_hits: [{ filter: 'card', action: 'redact', matches: 1 }] },
    ]);
    expect(JSON.stringify(made)).toContain(WITHHELD);
    expect(JSON.stringify(fixture.messagesOf(agent).at(-1))).toContain(WITHHELD);
    expect(JSON.stringify(fixture.messagesOf(agent))).not.toContain('1111');
    expect(await tablesWithText(fixture.db.pool, CARD)).toEqual([]);
  });

  test('a text that a filter blocks is refused by the name of the filter', async () => {
    await filter('block');
    const before = await runs();
    const { isRefused, answer } = await send();
    expect(isRefused).toBe(true);
    expect(answer).toMatch(/is blocked by the filter card/);
    expect(answer).not.toContain('1111');
    expect(await runs()).toHaveLength(before.length);
  });
});

test('what people say later is filtered on its way to sub-agents and answers', async () => {
  await filter('redact');
  const helper = await fixture.agent(() => ({ content: 'I have it.' }));
  const tool = await makeAgentTool(fixture.db.pool, await idOf(helper));
  const lead = await fixture.agent(
    (_request, messages) => {
      const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
      if (results.length === 0) {
        return { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which card?' } }] };
      }
      return results.length === 1
        ? { tool_calls: [{ name: tool, arguments: { message: `Use ${results[0]}` } }] }
        : { content: `Done with ${results[0]}` };
    },
    {},
    ['ask_user', tool],
  );
  const { status, body } = await call(fixture.api, 'POST', '/api/execute', {
    agent: lead,
    message: TEXT,
  });
  expect(status).toBeLessThan(300);
  const id = body.execution_id;
  const openQuestion = () =>
    all(fixture.db.pool, `select id from howdah.questions where root_execution_id = $1`, [id]);
  await until(async () => (await openQuestion()).length === 1);
  const added = await ask(
    fixture.api,
    'mutation ($id: UUID!, $content: String!) { addInput(input: {executionId: $id, content: $content}) { result { inputHits } } }',
    { id, content: `Or ${CARD}` },
  );
  expect(added).toMatchObject({ errors: [] });
  const [question] = await openQuestion();
  const answered = await call(fixture.api, 'POST', `/api/questions/${question?.id}/answer`, {
    answer: `It is ${CARD}`,
  });
  expect(answered).toMatchObject({ status: 200 });
  await until(async () => (await row(id)).completed_at !== null);
  await call(fixture.api, 'POST', `/api/executions/${id}/feedback`, { score: 1, comment: CARD });
  expect(await row(id)).toMatchObject({
    status: 'completed',
    output: expect.stringContaining('It is [card withheld]'),
    input_hits: [{ filter: 'card', action: 'redact', matches: 4 }],
  });
  expect(JSON.stringify(fixture.messagesOf(helper))).toContain('It is [card withheld]');
  expect(await tablesWithText(fixture.db.pool, CARD)).toEqual([]);
  const shown = await runCli(fixture.db.url, 'show', id);
  expect(shown.stdout).toContain('filtered  card (redact, 4×)');
  const { body: record } = await call(fixture.api, 'GET', `/api/executions/${id}/row`);
  expect(record.input_hits).toEqual([{ filter: 'card', action: 'redact', matches: 4 }]);
});
