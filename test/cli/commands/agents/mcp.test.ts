import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { callTools, executionOf, makeAgent, waitForEnd } from '../../../runtime/arrange.ts';
import { all, makeTenant, one, unique } from '../../../sql/support.ts';
import { eventually, testDatabase } from '../../../support/database.ts';

const HOWDAH = fileURLToPath(new URL('../../../../bin/howdah', import.meta.url));

const db = testDatabase();
const clients: Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

type Options = {
  revision?: '2025-11-25' | '2026-07-28';
  args?: string[];
  elicit?: (message: string) => object;
};

/** Starts the command and connects to it, as a desktop client does. */
async function open({ revision = '2025-11-25', args = [], elicit }: Options = {}) {
  const client = new Client(
    { name: 'test', version: '1' },
    {
      capabilities: elicit ? { elicitation: {} } : {},
      versionNegotiation: { mode: revision === '2026-07-28' ? { pin: revision } : 'legacy' },
    },
  );
  if (elicit) {
    client.setRequestHandler(
      'elicitation/create',
      async ({ params }) => elicit(params.message) as never,
    );
  }
  const transport = new StdioClientTransport({
    command: HOWDAH,
    args: ['mcp', ...args],
    env: { ...process.env, DATABASE_URL: db.url } as Record<string, string>,
    stderr: 'ignore',
  });
  await client.connect(transport);
  clients.push(client);
  return client;
}

async function agentNamed(name: string, script: object[], tools: string[] = []): Promise<string> {
  const id = await makeAgent(db.pool, { script: script as never, tools });
  await db.pool.query('update howdah.agents set name = $2 where id = $1', [id, name]);
  return id;
}

// biome-ignore lint/suspicious/noExplicitAny: tests read single fields of results
type Result = any;
const callAgent = (client: Client, name: string, options: object = {}): Promise<Result> =>
  client.callTool({ name, arguments: { message: 'Hello' } }, options);

test('howdah mcp acknowledges a subscription after it has read the state of the run', async () => {
  const agent = await agentNamed(unique('told'), []);
  const client = await open({ revision: '2026-07-28' });
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input, run_at) values ($1, 'go', now() + interval '1 day') returning id`,
    [agent],
  );
  const other = await db.pool.connect();
  let listens = false;
  try {
    await other.query('begin');
    await other.query('lock table howdah.executions in access exclusive mode');
    const listening = client
      .listen({ resourceSubscriptions: [`howdah://executions/${id}`] })
      .then(() => {
        listens = true;
      });
    await eventually(
      db.pool,
      'it looks at the run',
      `select from pg_locks where not granted and relation = 'howdah.executions'::regclass
         and database = (select oid from pg_database where datname = current_database())`,
    );
    expect(listens).toBe(false);
    await other.query('rollback');
    await listening;
  } finally {
    other.release(true);
  }
});

describe.each(['2025-11-25', '2026-07-28'] as const)('howdah mcp in revision %s', (revision) => {
  test('announces list changes, and updates of runs', async () => {
    const agent = await agentNamed(unique('told'), [{ content: 'A fine day.' }]);
    const client = await open({ revision });
    const heard: string[] = [];
    const waitForNotification = (what: string) =>
      vi.waitFor(() => expect(heard).toContain(what), 120_000);
    client.setNotificationHandler(
      'notifications/tools/list_changed',
      () => void heard.push('tools'),
    );
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void heard.push(params.uri),
    );
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (agent_id, input, run_at) values ($1, 'go', now() + interval '1 day') returning id`,
      [agent],
    );
    const uri = `howdah://executions/${id}`;
    if (revision === '2025-11-25') await client.subscribeResource({ uri });
    else await client.listen({ toolsListChanged: true, resourceSubscriptions: [uri] });
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await waitForNotification(uri);
    await agentNamed(unique('new'), []);
    await waitForNotification('tools');
    const { contents } = (await client.readResource({ uri })) as Result;
    expect(JSON.parse(contents[0].text).status).toBe('cancelled');
  });

  test('lists agents and runs them without a separate worker', async () => {
    const name = unique('writer');
    await agentNamed(name, [{ content: 'A fine day.' }]);
    const client = await open({ revision });
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toEqual(
      expect.arrayContaining([name, 'answer_question']),
    );
    const result = await callAgent(client, name);
    expect(result.content).toEqual([{ type: 'text', text: 'A fine day.' }]);
    const uri = `howdah://executions/${result._meta['howdah/execution_id']}`;
    const { contents } = await client.readResource({ uri });
    expect(JSON.parse((contents[0] as { text: string }).text)).toMatchObject({
      output: 'A fine day.',
    });
    await expect(callAgent(client, 'nobody')).rejects.toMatchObject({ code: -32602 });
  });

  test('passes questions to the person at the client', async () => {
    const name = unique('asker');
    await agentNamed(
      name,
      [
        callTools({ name: 'ask_user', arguments: { question: 'Which?', options: ['a', 'b'] } }),
        { content: 'ok' },
      ],
      ['ask_user'],
    );
    const prompts: string[] = [];
    const client = await open({
      revision,
      elicit(message) {
        prompts.push(message);
        return { action: 'accept', content: { answer: 'b' } };
      },
    });
    const result = await callAgent(client, name);
    expect({ prompts, content: result.content }).toEqual({
      prompts: ['Which?'],
      content: [{ type: 'text', text: 'ok' }],
    });
    const silent = await open({ revision });
    expect((await callAgent(silent, name)).content[0].text).toContain('waits for a person');
  });

  test('cancelling a call cancels its run', async () => {
    const name = unique('slow');
    const agent = await agentNamed(name, [{ content: 'late', delay_ms: 600_000 }]);
    const client = await open({ revision });
    const stop = new AbortController();
    const call = callAgent(client, name, { signal: stop.signal });
    call.catch(() => {});
    const id = await startRun(agent);
    stop.abort('enough');
    await expect(call).rejects.toThrow();
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'cancelled' });
  });
});

async function startRun(agent: string): Promise<string> {
  for (;;) {
    const [row] = await all(
      db.pool,
      `select id from howdah.executions where agent_id = $1 and status <> 'queued'`,
      [agent],
    );
    if (row) return row.id;
    await new Promise(setImmediate);
  }
}

test.each(['continue', 'cancel'])(
  '--on-disconnect %s applies to a run when its client disconnects',
  async (what) => {
    const name = unique('asker');
    const script = [{ content: 'late', delay_ms: 600_000 }];
    const agent = await agentNamed(name, script);
    const client = await open({ args: ['--on-disconnect', what] });
    callAgent(client, name).catch(() => {});
    const id = await startRun(agent);
    await client.close();
    const { status } =
      what === 'cancel' ? await waitForEnd(db.pool, id) : await executionOf(db.pool, id);
    expect(status).toMatch(what === 'cancel' ? /^cancelled$/ : /^(queued|running)$/);
  },
);

test('howdah mcp reveals nothing of another tenant unless --tenant names it', async () => {
  const slug = unique('others');
  const tenant = await makeTenant(db.pool, slug);
  const { id } = await one(
    db.pool,
    `insert into howdah.agents (tenant_id, name) values ($1, 'theirs') returning id`,
    [tenant],
  );
  const run = await one(
    db.pool,
    'insert into howdah.executions (tenant_id, agent_id, input) values ($1, $2, $3) returning id',
    [tenant, id, 'x'],
  );
  const listVisible = async (client: Client) => {
    const { tools } = await client.listTools();
    const { resources } = await client.listResources();
    return [...tools.map((tool) => tool.name), ...resources.map(({ uri }) => uri)];
  };
  const theirs = ['theirs', `howdah://executions/${run.id}`];
  expect(await listVisible(await open({ args: ['--tenant', slug] }))).toEqual(
    expect.arrayContaining(theirs),
  );
  const client = await open();
  expect((await listVisible(client)).filter((name) => theirs.includes(name))).toEqual([]);
  await expect(callAgent(client, 'theirs')).rejects.toMatchObject({ code: -32602 });
});

test('howdah mcp writes only the protocol to stdout, and ends with its input', async () => {
  const child = spawn(HOWDAH, ['mcp'], { env: { ...process.env, DATABASE_URL: db.url } });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const message = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    },
  };
  child.stdin.write(`${JSON.stringify(message)}\n`);
  await expect.poll(() => stdout).toContain('\n');
  child.stdin.end();
  const status = await new Promise((resolve) => child.on('exit', resolve));
  expect(status).toBe(0);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { id: 1, result: { protocolVersion: '2025-06-18', serverInfo: { name: 'howdah' } } },
  ]);
});
