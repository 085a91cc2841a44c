import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/** What clients have seen. */
export type Seen = {
  /** Requests: when each began, by performance.now(), and how many milliseconds it took. */
  took: { began: number; ms: number }[];
  /** What was not answered as it should be. */
  failed: string[];
  /** Streams that were taken up again behind their last event. */
  resumed: number;
  /** Events that a stream missed or gave twice. */
  wrongEvents: string[];
};

/** Where they ask, and as whom. */
export type Login = { url: string; token: string };

export type Load = {
  readonly seen: Seen;
  /** No new requests; resolves when those under way have ended. */
  stop(): Promise<Seen>;
};

const SCRIPT = [
  { tool_calls: [{ name: 'todo', arguments: { action: 'add', title: 'a' } }], delay_ms: 150 },
  { tool_calls: [{ name: 'todo', arguments: { action: 'add', title: 'b' } }], delay_ms: 150 },
  { content: 'done', delay_ms: 150 },
];

/** An agent whose runs take half a second, for every release. */
export async function makeBusyAgent(pool: pg.Pool): Promise<void> {
  await pool.query(
    `with model as (
       insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script') returning id
     ), agent as (
       insert into howdah.agents (name, instruction) values ('busy', 'Plan.') returning id
     ), given as (
       insert into howdah.agent_tools (agent_id, tool_id) select a.id, t.id from agent as a, howdah.tools as t where t.name = 'todo'
     )
     insert into howdah.agent_models (agent_id, model_id, request_params)
     select a.id, m.id, jsonb_build_object('script', $1::jsonb) from agent as a, model as m`,
    [JSON.stringify(SCRIPT)],
  );
}

/**
 * Clients of every kind, `clients` of each: runs begun by REST and read until they are over, begun and read by GraphQL, inserted
 * and read by SQL, begun and followed by a stream; and who only reads. Each waits for its run before it begins the next one:
 * so it is the installation that says how fast it goes, and no backlog of the load is taken for a fault of the deploy.
 */
export function startLoad(login: Login, pool: pg.Pool, clients: number): Load {
  const seen: Seen = { took: [], failed: [], resumed: 0, wrongEvents: [] };
  let isOver = false;
  const ask: Ask = async (what, work) => {
    const began = performance.now();
    try {
      return await work();
    } catch (error) {
      seen.failed.push(`${what} at ${at(began)}: ${(error as Error).message}`);
      return undefined;
    } finally {
      seen.took.push({ began, ms: performance.now() - began });
    }
  };
  const begin = () =>
    ask('POST /api/execute', async () => {
      const body = { agent: 'busy', message: 'go' };
      return (await sendRequest(login, '/api/execute', body, 202)).execution_id as string;
    });
  const kinds = [
    async () => {
      const id = await begin();
      const read = async () => (await sendRequest(login, `/api/executions/${id}`)).status;
      if (id) await untilEnded(() => ask('GET /api/executions/{id}', read));
    },
    async () => {
      const run = 'mutation { run(input: { agent: "busy", input: "go" }) { result { id } } }';
      const id = await ask(
        'GraphQL mutation',
        async () => (await graphql(login, run)).run.result.id as string,
      );
      const query = `{ execution(id: "${id}") { status } }`;
      const read = async () => (await graphql(login, query)).execution.status.toLowerCase();
      if (id) await untilEnded(() => ask('GraphQL query', read));
    },
    async () => {
      const id = await ask('insert', async () => {
        const { rows } = await pool.query(`select id from howdah.run('busy', 'go')`);
        return rows[0].id as string;
      });
      const text = 'select status from howdah.executions where id = $1';
      const read = async () => (await pool.query(text, [id])).rows[0].status;
      if (id) await untilEnded(() => ask('select', read));
    },
    async () => {
      const id = await begin();
      if (id) await followRun(login, id, seen);
    },
    () => ask('GET /api/agents', () => sendRequest(login, '/api/agents')),
    () =>
      ask('GraphQL list', () =>
        graphql(login, '{ executions(first: 5, orderBy: ID_DESC) { nodes { id status } } }'),
      ),
  ];
  const again = async (client: () => Promise<unknown>) => {
    while (!isOver) {
      await client();
      await delay(PAUSE_MS);
    }
  };
  const running = kinds.flatMap((kind) => Array.from({ length: clients }, () => again(kind)));
  return {
    seen,
    async stop() {
      isOver = true;
      await Promise.all(running);
      return seen;
    },
  };
}

/** Of the life of this process. */
const at = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

type Ask = <T>(what: string, work: () => Promise<T>) => Promise<T | undefined>;

const PAUSE_MS = 100;
/** Who waits longer for a run counts it as lost in the end, and goes on. */
const PATIENCE_MS = 60_000;

async function untilEnded(status: () => Promise<string | undefined>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await delay(PAUSE_MS)) {
    if (/^(completed|failed|cancelled)$/.test((await status()) ?? '')) return;
  }
}

async function sendRequest({ url, token }: Login, path: string, body?: object, expected = 200) {
  const answer = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.status !== expected) throw new Error(`${answer.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

async function graphql(login: Login, query: string) {
  const { data, errors } = await sendRequest(login, '/graphql', { query });
  if (errors) throw new Error(JSON.stringify(errors).slice(0, 300));
  return data;
}

/** A stream to the end of its run, taken up again as browsers do; then once more from the beginning, to compare. */
async function followRun(login: Login, id: string, seen: Seen): Promise<void> {
  const ids: string[] = [];
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (attempt > 0) seen.resumed += 1;
    const hasEnded = await readStream(login, id, ids).catch((error: Error) => {
      seen.failed.push(`stream at ${at(performance.now())}: ${error.message}`);
      return false;
    });
    if (hasEnded) break;
  }
  const whole: string[] = [];
  const hasEnded = await readStream(login, id, whole).catch(() => false);
  // who is cut off while comparing has nothing to compare with
  if (hasEnded && ids.join(' ') !== whole.join(' ')) {
    seen.wrongEvents.push(`${id}: ${ids.join(' ')} instead of ${whole.join(' ')}`);
  }
}

/** Adds the ids it is told; true when the run is over. */
async function readStream({ url, token }: Login, id: string, ids: string[]): Promise<boolean> {
  const last = ids.at(-1);
  const answer = await fetch(`${url}/api/executions/${id}/stream`, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(last && { 'last-event-id': last }),
    },
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  let hasEnded = false;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const cursor = /^id: ?(.+)$/m.exec(frame)?.[1];
      if (cursor) ids.push(cursor);
      hasEnded ||= /^event: ?(complete|error)$/m.test(frame);
    }
  }
  return hasEnded;
}
