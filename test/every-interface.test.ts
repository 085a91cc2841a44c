import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../src/api/server.ts';
import { connect } from '../src/client/connect.ts';
import type { StreamEvent } from '../src/contracts/runs/stream-event.ts';
import type { Worker } from '../workers/start-worker.ts';
import { ask, followSteps, openSocket, startTestApi, until } from './api/harness.ts';
import { runCli } from './cli/run-cli.ts';
import { one } from './sql/support.ts';
import { testDatabase } from './support/database.ts';
import { startTestWorker } from './support/worker.ts';

// Follows one run through every interface, and checks that each interface reports the same steps.

const database = testDatabase();
let worker: Worker;
let api: ApiServer;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  api = await startTestApi(database.url);
});
afterAll(async () => {
  await api?.close();
  await worker?.stop(0);
});

/**
 * A subscriber to a run through one interface: the steps received so far, and a promise of the end.
 */
type Watcher = { seqs(): number[]; end: Promise<unknown> };

/**
 * Returns the seq of the steps in these events. Tokens belong to no step yet, and `complete` is an
 * event of the run.
 */
const seqsOf = (events: StreamEvent[]) => {
  const stepEvents = events.filter(({ event }) => !['token', 'complete'].includes(event));
  return [...new Set(stepEvents.map(({ data }) => Number(data.seq)))];
};

const watchers: Record<string, (id: string) => Watcher> = {
  'Server-Sent Events': (id) => {
    const events: StreamEvent[] = [];
    const end = (async () => {
      for await (const event of connect(api.url).stream(id)) events.push(event);
    })();
    return { seqs: () => seqsOf(events), end };
  },
  'a WebSocket': (id) => {
    const received: StreamEvent[] = [];
    const end = Promise.withResolvers<void>();
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}/ws`);
    socket.on('error', end.reject);
    socket.on('open', () =>
      socket.send(JSON.stringify({ type: 'subscribe', id: 'live', execution_id: id })),
    );
    socket.on('message', (frame) => {
      const message = JSON.parse(String(frame));
      if (message.type === 'event') received.push(message);
      if (message.type === 'error') end.reject(new Error(JSON.stringify(message.error)));
      if (message.type !== 'end') return;
      socket.close();
      end.resolve();
    });
    return { seqs: () => seqsOf(received), end: end.promise };
  },
  'a GraphQL subscription': (id) => {
    const socket = openSocket(api);
    const { items, end } = followSteps(socket, id);
    return {
      seqs: () => items.map(({ seq }) => seq),
      end: end.then(async (how) => {
        await socket.client.dispose();
        expect(how).toBe('completed');
      }),
    };
  },
};

/** Kinds of steps for which no event is sent: see docs/rest.md. */
const SILENT = ['tool_started', 'output'];

const SCRIPT = [
  {
    tool_calls: [
      { name: 'ask_user', arguments: { question: 'Which colour?', options: ['red', 'blue'] } },
    ],
    usage: { tokens_in: 100, tokens_out: 10 },
  },
  { content: 'Painted it.', usage: { tokens_in: 20, tokens_out: 5 } },
];

test('a run is created, run, watched, answered, forked and read through REST, SQL, SSE, WebSocket, GraphQL, CLI and psql', async () => {
  // created through REST
  const { request } = connect(api.url);
  await request('POST', '/api/models', { name: 'script', provider: 'scripted', model: 'script' });
  const agent = await request('POST', '/api/agents', {
    name: 'painter',
    instruction: 'Paint it.',
    human_input: true,
    model: 'script',
    request_params: { script: SCRIPT },
  });
  expect(agent).toMatchObject({ name: 'painter', model: 'script' });

  // started through SQL
  const { id } = await one<{ id: string }>(
    database.pool,
    `insert into howdah.executions (agent_id, input)
     values (howdah.agent('painter'), 'Paint the fence.') returning id`,
  );

  // watched through all interfaces up to the question
  const seen = Object.entries(watchers).map(([watcher, watch]) => ({
    name: watcher,
    ...watch(id),
  }));
  await until(() => seen.every(({ seqs }) => seqs().length >= 2));
  for (const { name: watcher, seqs } of seen) expect([watcher, seqs()]).toEqual([watcher, [1, 2]]);

  // answered through the command line, which finds the question itself
  const open = JSON.parse((await runCli(database.url, 'questions', '--json')).stdout);
  expect(open.items).toMatchObject([{ prompt: 'Which colour?', agent: 'painter', run: id }]);
  const answered = await runCli(database.url, 'answer', open.items[0].id, 'blue');
  expect(answered).toMatchObject({ status: 0, stdout: `${open.items[0].id} answered\n` });
  await Promise.all(seen.map(({ end }) => end));

  // Every interface has reported the steps of the log.
  const { rows: log } = await database.pool.query(
    'select seq, kind from howdah.steps where execution_id = $1 order by seq',
    [id],
  );
  expect(log.map(({ kind }) => kind)).toEqual([
    'model',
    'question',
    'answer',
    'tool',
    'model',
    'output',
  ]);
  const visibleSeqs = log.filter(({ kind }) => !SILENT.includes(kind)).map(({ seq }) => seq);
  for (const { name: watcher, seqs } of seen) {
    expect([watcher, seqs().filter((seq) => visibleSeqs.includes(seq))]).toEqual([
      watcher,
      visibleSeqs,
    ]);
  }

  // forked through GraphQL after the answer, so that nothing is asked again
  const forked = await ask(
    api,
    `mutation ($id: UUID!) { forkExecution(input: {id: $id, seq: 4}) { result { id forkedFromExecutionId } } }`,
    { id },
  );
  const copy = forked.data.forkExecution.result;
  expect(copy.forkedFromExecutionId).toBe(id);
  const shown = await runCli(database.url, 'watch', copy.id);
  expect(shown).toMatchObject({ status: 0, stdout: 'Painted it.\n' });

  // read through REST, and through psql if it is installed
  expect(await request('GET', `/api/executions/${copy.id}`)).toMatchObject({
    status: 'completed',
    output: 'Painted it.',
  });
  const READ = `select runs, completed, success_rate, tokens_in, tokens_out
    from howdah.agent_performance where agent = 'painter'`;
  const figures = psql(READ) ?? Object.values(await one(database.pool, READ)).join('|');
  expect(figures).toBe('2|2|1.0000|140|20');
});

/** Returns the output of psql for a query, or undefined if psql is not installed. */
function psql(text: string): string | undefined {
  const { status, stdout, stderr, error } = spawnSync(
    'psql',
    ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text, database.url],
    { encoding: 'utf8' },
  );
  if (error) return undefined;
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}
