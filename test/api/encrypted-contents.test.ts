import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { createContentCipher } from '../../src/secrets/contents.ts';
import { ENCRYPTED_PREFIX } from '../../src/secrets/encrypted-values.ts';
import { noMasterKeys } from '../../src/secrets/master-keys.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { insertRun, makeAgent, waitForEnd } from '../runtime/arrange.ts';
import { makeTenant, one, unique } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { encryptRuns } from '../support/work/encrypt-runs.ts';
import { startTestWorker, TEST_MASTER_KEYS } from '../support/worker.ts';
import { type Answer, ask, follow, openSocket, startTestApi, until } from './harness.ts';
import { connect as connectMcp } from './mcp/mcp-client.ts';
import { call } from './rest/call.ts';
import { openStream, type SseEvent } from './rest/events.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from './subscriptions/tokens.ts';
import { makeAgentTree, type TreeAgents } from './trees/agent-tree.ts';
import { RUN_CLIENTS, SESSION_CLIENTS } from './trees/tree-clients.ts';

// Contents of ended runs are encrypted in the database, and the API returns them decrypted.

const db = testDatabase();
let api: ApiServer;
/** An API without the master key. */
let keyless: ApiServer;
let closed: ApiServer;
let worker: Worker;
let agentNames: TreeAgents;

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20 });
  keyless = await startTestApi(db.url, { masterKeys: noMasterKeys });
  closed = await startTestApi(db.url, { ...tokenOptions, listPollMs: 20 });
  worker = await startTestWorker(db.url);
  agentNames = await makeAgentTree(db.pool);
});
afterAll(async () => {
  await worker?.stop(0);
  await Promise.all([api?.close(), keyless?.close(), closed?.close()]);
});

type Run = { execution_id: string; session_id: string };

/** Encrypts all runs of the tenant that have ended. */
async function encryptAll(): Promise<void> {
  await db.pool.query(
    `insert into howdah.retention_policies (encrypt_contents) values (true)
     on conflict (tenant_id) do update set encrypt_contents = true`,
  );
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  await until(async () => {
    await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
    await encryptRuns(db.pool, cipher, (error) => {
      throw error;
    });
    const { rows } = await db.pool.query(
      `select from howdah_private.due_work where kind = 'encrypt_run'
       union all
       select from howdah.executions where completed_at is not null and contents_encrypted_at is null`,
    );
    return rows.length === 0; // the worker may have encrypted some of the rows
  });
}

const isEnd = ({ event, data }: { event: string; data: Answer }) =>
  event === 'complete' && (data.path === undefined || data.path.length === 1);

/** Runs the boss and its child runs to their end, and answers their question. */
async function runTree(): Promise<Run> {
  const { body: session } = await call(api, 'POST', '/sessions', { agent: agentNames.boss });
  const path = `/sessions/${session.id}/messages`;
  const { body } = await call(api, 'POST', path, { content: 'Where is my parcel?' });
  const stream = await openStream(api, `/api/executions/${body.execution_id}/stream?tree=1`);
  const { data } = await stream.when(({ event }) => event === 'ask_user');
  await call(api, 'POST', `/api/questions/${data.question_id}/answer`, { answer: 'The blue one.' });
  await stream.end;
  return { execution_id: body.execution_id, session_id: session.id };
}

const GRAPHQL = `query ($id: UUID!) { execution(id: $id) {
  input inputData inputParts output outputData history error
  messages { nodes { role content parts toolCalls } }
  steps { nodes { kind name input output error } }
  timeline { nodes { seq said } }
  tree(orderBy: PATH_ASC) { nodes { executionId } }
  questions { nodes { prompt options answer toolCall } }
  session { executions { nodes { input output questions { nodes { prompt answer } } } } }
} }`;
const STEPS = `subscription ($id: UUID!) {
  executionSteps(executionId: $id) { seq kind input output error execution { input output } }
}`;
const MESSAGES = `subscription ($id: UUID!) {
  sessionMessages(sessionId: $id) { cursor role content parts toolCalls }
}`;

/** Returns up to `most` items of a subscription. */
async function readSubscription(server: ApiServer, query: string, id: string, most: number) {
  const socket = openSocket(server);
  const { items, errors } = follow(socket, query, { id });
  await until(() => items.length + errors.length >= most);
  await socket.client.dispose();
  return { items: items.slice(0, most), errors };
}

/** Reads the same run through every interface. */
async function readEverywhere(server: ApiServer, run: Run): Promise<Record<string, unknown>> {
  const { execution_id: id, session_id } = run;
  const rest = async (path: string) => (await call(server, 'GET', path)).body;
  const execution = `/api/executions/${id}`;
  const streams = async (clients: typeof RUN_CLIENTS) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(clients).map(async ([name, client]) => {
          const events = await client(server, run, undefined, isEnd);
          return [name, events.filter((event) => event.id !== undefined)];
        }),
      ),
    );
  const mcp = await connectMcp(server);
  const { contents } = await mcp.readResource({ uri: `howdah://executions/${id}` });
  await mcp.close();
  return {
    execution: await rest(execution),
    messages: await rest(`${execution}/messages`),
    steps: await rest(`${execution}/steps?said=true`),
    children: await rest(`${execution}/children`),
    tree: await rest(`${execution}/tree`),
    list: await rest('/api/executions'),
    questions: await rest('/api/questions?status=answered'),
    explanation: await rest(`${execution}/explanation`),
    history: await rest(`/sessions/${session_id}/history`),
    graphql: await ask(server, GRAPHQL, { id }),
    steps_feed: await readSubscription(server, STEPS, id, 4),
    messages_feed: await readSubscription(server, MESSAGES, session_id, 4),
    run_streams: await streams(RUN_CLIENTS),
    session_streams: await streams(SESSION_CLIENTS),
    a2a: await a2aTask(server, id),
    mcp: contents,
  };
}

async function a2aTask(server: ApiServer, id: string): Promise<unknown> {
  const body = { jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { id } };
  return (await call(server, 'POST', `/a2a/${agentNames.boss}`, body)).body;
}

const FINE = { content: 'Fine.' };
const ciphertextsIn = (value: unknown) => JSON.stringify(value).split(ENCRYPTED_PREFIX).length - 1;
const isRun =
  (id: string, status?: string) =>
  ({ event, data }: SseEvent) =>
    event === 'execution' &&
    data.execution_id === id &&
    (!status || data.execution.status === status);

/** Reads whose result contains a text of the run. */
const WITH_TEXTS = [
  ...['execution', 'messages', 'steps', 'children', 'list', 'questions', 'history', 'graphql'],
  ...['steps_feed', 'messages_feed', 'run_streams', 'session_streams', 'a2a', 'mcp'],
];

describe('an encrypted run', () => {
  let run: Run;
  let before: Record<string, unknown>;
  beforeAll(async () => {
    run = await runTree();
    before = await readEverywhere(api, run);
    await encryptAll();
  });

  test('reads as before through every interface', async () => {
    const { encrypted, messages } = await one(
      db.pool,
      `select count(*)::int as encrypted, (select count(*)::int from howdah.messages as m
         where m.execution_id = $1 and m.content like 'howdah.sealed.%') as messages
       from howdah.executions as e
       where e.root_execution_id = $1 and e.input like 'howdah.sealed.%'
         and e.contents_encrypted_at is not null`,
      [run.execution_id],
    );
    expect({ encrypted, messages }).toEqual({ encrypted: 3, messages: 4 });
    const after = await readEverywhere(api, run);
    for (const [name, value] of Object.entries(before)) {
      expect({ name, value: after[name] }).toEqual({ name, value });
    }
    expect(WITH_TEXTS.filter((name) => !JSON.stringify(after[name]).includes('parcel'))).toEqual(
      [],
    );
    expect(ciphertextsIn(after)).toBe(0);
  });

  test('stays encrypted in a query of a person', async () => {
    const query = `select input from howdah.executions where id = '${run.execution_id}'`;
    const { body } = await call(api, 'POST', '/api/sql', { query });
    expect(body.rows).toEqual([{ input: expect.stringMatching(/^howdah\.sealed\./) }]);
  });

  test('shows ciphertexts through an API without the key', async () => {
    const shown = await readEverywhere(keyless, run);
    expect(WITH_TEXTS.filter((name) => ciphertextsIn(shown[name]) === 0)).toEqual([]);
    expect(JSON.stringify(shown)).not.toContain('parcel');
  });

  test('does not change in a list that somebody follows', async () => {
    const first = await insertRun(
      db.pool,
      await makeAgent(db.pool, { script: [FINE] }),
      'Private.',
    );
    await waitForEnd(db.pool, first);
    const list = await openStream(api, '/api/executions/stream?first=1');
    await list.when(isRun(first));
    await encryptAll();
    const second = await insertRun(db.pool, await makeAgent(db.pool, { script: [FINE] }));
    await list.when(isRun(second, 'completed'));
    list.close();
    const shown = list.events.filter(isRun(first)).map(({ data }) => data.execution.input);
    expect(shown).toEqual(['Private.']);
    const other = await openStream(keyless, '/api/executions/stream?first=2');
    const { data } = await other.when(isRun(first));
    other.close();
    expect(data.execution.input).toContain(ENCRYPTED_PREFIX);
  });

  test('shows the error of a failed run, also in logs', async () => {
    const id = await insertRun(db.pool, await makeAgent(db.pool, { script: [] }));
    const { error } = await waitForEnd(db.pool, id);
    const log = async (path = '/api/steps?errors=true') => (await call(api, 'GET', path)).body.data;
    const lines = await log();
    await encryptAll();
    expect((await call(api, 'GET', `/api/executions/${id}`)).body.error).toEqual(error);
    expect(await log()).toEqual(lines);
    expect(ciphertextsIn(lines)).toBe(0);
    expect(
      ciphertextsIn((await call(keyless, 'GET', '/api/steps?errors=true')).body),
    ).toBeGreaterThan(0);
  });

  test('has pages of one megabyte, as before it was compressed', async () => {
    const agent = await makeAgent(db.pool, { script: [FINE] });
    for (let count = 0; count < 6; count += 1) {
      await waitForEnd(db.pool, await insertRun(db.pool, agent, 'far '.repeat(100_000)));
    }
    const read = async () => {
      const pages: Answer[] = [];
      const path = `/api/executions?agent_id=${agent}`;
      do {
        const cursor = pages.at(-1)?.next;
        pages.push((await call(api, 'GET', cursor ? `${path}&cursor=${cursor}` : path)).body);
      } while (pages.at(-1).next !== null);
      return pages;
    };
    const pages = await read();
    expect(pages.map(({ data }) => data.length)).toEqual([3, 3]);
    await encryptAll();
    expect(await read()).toEqual(pages);
  });

  test('may not be read in larger amounts than before', async () => {
    const agent = await makeAgent(db.pool, { script: [FINE] });
    for (let count = 0; count < 12; count += 1) {
      await waitForEnd(db.pool, await insertRun(db.pool, agent, 'far '.repeat(250_000)));
    }
    const read = () =>
      ask(
        api,
        '{ executions(condition: { agentId: "AGENT" }) { nodes { input } } }'.replace(
          'AGENT',
          agent,
        ),
      );
    const before = await read();
    expect(before.errors[0]?.message).toContain('more than 10 MB');
    await encryptAll();
    expect(await read()).toMatchObject({ errors: [{ message: before.errors[0]?.message }] });
  });
});

describe('a ciphertext in a run of somebody who may not see its run', () => {
  let run: Run;
  let stolen: string[];
  let ada: Person;
  let bob: Person;
  beforeAll(async () => {
    run = await runTree();
    await encryptAll();
    ada = await makePerson(db.pool, 'ada');
    bob = await makePerson(db.pool, 'bob');
    for (const agent of [agentNames.boss, agentNames.worker, agentNames.helper]) {
      await db.pool.query(
        `insert into howdah.grants (agent_id, user_id, permission)
         values (howdah.agent($1), $2, 'read')`,
        [agent, ada.user_id],
      );
    }
    const { input, content, output } = await one(
      db.pool,
      `select e.input, m.content, s.output::text as output from howdah.executions as e
       join howdah.messages as m on m.execution_id = e.id and m.content is not null
       join howdah.steps as s on s.execution_id = e.id and s.kind = 'child'
       where e.id = $1 and s.output ? 'sealed' limit 1`,
      [run.execution_id],
    );
    stolen = [input, content, output];
  });

  /** Sends the ciphertexts to an agent in a session of the caller, and reads them everywhere. */
  async function readSentCiphertexts(person: Person): Promise<Record<string, unknown>> {
    const token = await tokenFor(person);
    const owner = await tokenFor(person, { role: 'owner', user_id: undefined });
    const send = async (method: string, path: string, body?: object, as = token) =>
      (await call(closed, method, path, body, { token: as })).body;
    const text = stolen.join('\n');
    const name = unique('clerk');
    const agent = { name, instruction: text, model: name };
    const script = [{ content: 'Noted.' }];
    const model = { name, provider: 'scripted', model: 'm', request_params: { script } };
    await send('POST', '/api/models', model, owner);
    expect(await send('POST', '/api/agents', agent, owner)).toMatchObject({
      code: 'HWINV',
      hint: expect.stringContaining('Encrypted texts'),
    });
    await send('POST', '/api/agents', { ...agent, instruction: 'Take notes.' }, owner);
    const list = await openStream(closed, '/api/executions/stream?first=0', { token });
    const { id: sid } = await send('POST', '/sessions', { agent: name });
    const { execution_id: id } = await send('POST', `/sessions/${sid}/messages`, { content: text });
    const stream = await openStream(closed, `/api/executions/${id}/stream`, { token });
    await stream.end;
    const listed = await list.when(isRun(id, 'completed'));
    list.close();
    return {
      execution: await send('GET', `/api/executions/${id}`),
      steps: await send('GET', `/api/executions/${id}/steps?said=true`),
      graphql: await ask(closed, GRAPHQL, { id }, token),
      stream: stream.events,
      listed,
      session: await send('GET', `/sessions/${sid}/history`),
    };
  }

  test.each(['another tenant', 'the same tenant'])('stays encrypted in %s', async (where) => {
    const tenant = where === 'another tenant' ? await makeTenant(db.pool) : ada.tenant_id;
    const person = where === 'another tenant' ? await makePerson(db.pool, 'eve', tenant) : bob;
    const token = await tokenFor(person);
    const hidden = await call(closed, 'GET', `/api/executions/${run.execution_id}`, undefined, {
      token,
    });
    expect(hidden.status).toBe(404);
    const { steps: _, stream: _events, ...shown } = await readSentCiphertexts(person);
    expect(Object.keys(shown).filter((name) => ciphertextsIn(shown[name]) === 0)).toEqual([]);
    expect(JSON.stringify(shown)).not.toContain('parcel');
  });

  test('is decrypted for who may see its run', async () => {
    const shown = await readSentCiphertexts(ada);
    expect(JSON.stringify(shown.execution)).toContain('parcel');
    // this read serves many callers, so it decrypts only the contents of the run itself
    expect(ciphertextsIn(shown.listed)).toBeGreaterThan(0);
  });
});
