import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Json } from '../../../src/json/json.ts';
import { displayable, displayableDetail, displayableJson } from '../../../src/text/displayable.ts';
import { runCli } from '../../cli/run-cli.ts';
import { HOSTILE_STRINGS, UNSTORABLE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';

// An error quotes the rejected value in a readable form of limited length.

const HIDDEN = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;
/** Terminal colours, direction marks, an HTTP header line and a bell character. */
const HOSTILE = 'evil\u001b[31m\u009b31m\u202egpj.exe\u2066\rX-Injected: 1\u0007\u2028';
const LONG = `${HOSTILE}${'x'.repeat(200_000)} ${'y '.repeat(50_000)}`;

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${api.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const graphql = (query: string, variables: object, more = {}) =>
  post('/graphql', { query, variables, ...more });
const mutation = (call: string) => (name: string) =>
  graphql(`mutation ($name: String!) { ${call} { clientMutationId } }`, { name });
const mcp = (method: string, params: (name: string) => object) => (name: string) =>
  post(
    '/mcp',
    { jsonrpc: '2.0', id: 1, method, params: params(name) },
    { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-06-18' },
  );
const messages = [{ role: 'user', content: 'x' }];

const endpoints: [string, (name: string) => Promise<Response>][] = [
  ['in REST, as an agent', (agent) => post('/api/execute', { agent, message: 'x' })],
  ['in REST, as a workflow', (workflow) => post('/api/execute', { workflow, message: 'x' })],
  [
    'in REST, as a field name',
    (name) => post('/api/execute', { agent: 'nobody', message: 'x', [name]: 1 }),
  ],
  ['in REST, as the agent of a session', (agent) => post('/sessions', { agent })],
  [
    'in REST, as a secret',
    (secret_name) =>
      post('/api/models', { name: 'a', provider: 'openai', model: 'a', secret_name }),
  ],
  ['in REST, in the path of an agent', (name) => fetch(`${api.url}/api/agents/${part(name)}`)],
  ['in REST, in an unknown path', (name) => fetch(`${api.url}/nowhere/${part(name)}`)],
  ['in REST, as a query parameter', (name) => fetch(`${api.url}/api/executions?${part(name)}=1`)],
  [
    'in REST, in an agent system',
    (name) =>
      post('/agent-systems', {
        ...{ version: 'v1', name: 'x', orchestrator: name },
        agents: { a: { mission: 'x', model: name, tools: { allow: [name] }, agents: [name] } },
      }),
  ],
  ['in GraphQL, as an agent', mutation('run(input: { agent: $name, input: "x" })')],
  ['in GraphQL, as a workflow', mutation('runWorkflow(input: { workflow: $name, input: "x" })')],
  ['in GraphQL, as a default agent', mutation('setDefaultAgent(input: { agent: $name })')],
  ['in GraphQL, as a secret', mutation('removeSecret(input: { name: $name })')],
  [
    'in GraphQL, as an operation name',
    (operationName) => graphql('{ agents { totalCount } }', {}, { operationName }),
  ],
  [
    'in GraphQL, as a literal in the query',
    (name) =>
      graphql(
        `{ executions(filter: { status: { equalTo: ${JSON.stringify(name.slice(0, 40_000))} } }) { totalCount } }`,
        {},
      ),
  ],
  ['in the OpenAI API, as a model', (model) => post('/v1/chat/completions', { model, messages })],
  [
    'in the OpenAI API, as a field name',
    (name) => post('/v1/responses', { model: 'nobody', input: 'x', [name]: 1 }),
  ],
  [
    'in the OpenAI API, as a previous response',
    (name) => post('/v1/responses', { model: 'nobody', input: 'x', previous_response_id: name }),
  ],
  ['in A2A, as a method', (method) => post('/a2a', { jsonrpc: '2.0', id: 1, method, params: {} })],
  ['in MCP, as a tool', mcp('tools/call', (name) => ({ name, arguments: { message: 'x' } }))],
  ['in MCP, as a resource', mcp('resources/read', (uri) => ({ uri }))],
  ['in MCP, as a prompt', mcp('prompts/get', (name) => ({ name }))],
];

const part = (name: string) => encodeURIComponent(name.slice(0, 2_000));

describe.each([
  ['hidden', HOSTILE],
  ['long', LONG],
])('a %s name', (_, name) => {
  test.each(endpoints)('%s', async (_endpoint, ask) => {
    const response = await ask(name);
    const text = await response.text();
    expect(text.length).toBeLessThan(20_000);
    const [, event] = /^data: ([^\n]*)$/m.exec(text) ?? [];
    const sentences = sentencesIn(JSON.parse(event ?? text));
    expect(sentences).not.toEqual([]);
    for (const sentence of sentences) {
      expect(sentence.replaceAll('\n', ' ')).not.toMatch(HIDDEN);
      expect(sentence.length).toBeLessThan(3_000);
    }
    for (const [, value] of response.headers) expect(value).not.toMatch(HIDDEN);
  });

  test.each([
    ['run', name, 'x'],
    ['show', name],
    ['agents', 'show', name],
    ['agents', `--${name}`],
    ['executions', '--status', name],
    ['apply', part(name).slice(0, 200) + HOSTILE],
    ['secret', 'remove', name, '--yes'],
    ['settings', 'show', name],
  ])('howdah %s', async (...words) => {
    const [plain, json] = [
      await runCli(db.url, ...words),
      await runCli(db.url, '--json', ...words),
    ];
    for (const { stderr } of [plain, json]) {
      expect(stderr.length).toBeLessThan(10_000);
      expect(stderr.replaceAll('\n', ' ')).not.toMatch(/(?!\t)[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
    }
    expect(plain.status).toBe(json.status);
    expect(plain.status).not.toBe(0);
  });
});

/** Returns the texts of a response that are meant for people. */
function sentencesIn(answer: Json, name = ''): string[] {
  if (typeof answer === 'string') {
    return ['message', 'hint', 'title'].includes(name) ||
      (name === 'detail' && answer.includes(' '))
      ? [answer]
      : [];
  }
  if (typeof answer !== 'object' || answer === null) return [];
  return Object.entries(answer).flatMap(([key, value]) => sentencesIn(value as Json, key));
}

test.each(Object.entries({ ...HOSTILE_STRINGS, ...UNSTORABLE_STRINGS }))(
  '%s is shown without what hides in it',
  (_name, text) => {
    const hidden = /(?![\t\n\u200c-\u200f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
    const shown = displayable(text);
    expect(shown).not.toMatch(hidden);
    expect(displayable(shown)).toBe(shown);
    const json = displayableJson({ [text]: text });
    expect(json).not.toMatch(hidden);
    expect(JSON.parse(json)).toEqual({ [text]: text });
  },
);

test('characters needed by scripts and emoji stay unchanged', () => {
  for (const text of ['می‌خواهم', '👩‍👩‍👧', 'שלום\u200f!', 'two\nlines\tand a tab']) {
    expect(displayable(text)).toBe(text);
  }
  expect(displayable('a\u{e0041}\ud800')).toBe('a\\u{e0041}\ufffd');
  expect(displayable('😀'.repeat(500)).isWellFormed()).toBe(true);
  expect(displayableDetail({ id: 'x', faults: [{ path: 'y'.repeat(5_000) }], n: 1 })).toEqual({
    ...{ id: 'x', n: 1 },
    faults: [{ path: expect.stringMatching(/^y+…y+$/) }],
  });
});
