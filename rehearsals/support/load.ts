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

/** Clients of every kind that ask without a pause: REST, GraphQL, streams of events, rows inserted by SQL. */
export function startLoad(url: string, pool: pg.Pool): Load {
  const seen: Seen = { took: [], failed: [], resumed: 0, wrongEvents: [] };
  let isOver = false;
  const ask = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    const began = performance.now();
    try {
      return await work();
    } catch (error) {
      seen.failed.push(`${what}: ${(error as Error).message}`);
      return undefined;
    } finally {
      seen.took.push({ began, ms: performance.now() - began });
    }
  };
  const again = async (client: () => Promise<unknown>) => {
    while (!isOver) {
      await client();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const execute = () =>
    ask('POST /api/execute', async () => {
      const body = { agent: 'busy', message: 'go' };
      return (await sent(url, '/api/execute', body, 202)).execution_id as string;
    });
  const clients = [
    async () => {
      const id = await execute();
      if (id) await ask('GET /api/executions/{id}', () => sent(url, `/api/executions/${id}`));
    },
    () => ask('GET /api/agents', () => sent(url, '/api/agents')),
    () =>
      ask('GraphQL query', () =>
        graphql(url, '{ executions(first: 5, orderBy: ID_DESC) { nodes { id status } } }'),
      ),
    () =>
      ask('GraphQL mutation', () =>
        graphql(url, 'mutation { run(input: { agent: "busy", input: "go" }) { result { id } } }'),
      ),
    () => ask('insert', () => pool.query(`select id from howdah.run('busy', 'go')`)),
    async () => {
      const id = await execute();
      if (id) await followed(url, id, seen);
    },
    async () => {
      const id = await execute();
      if (id) await followed(url, id, seen);
    },
  ];
  const running = clients.map(again);
  return {
    seen,
    async stop() {
      isOver = true;
      await Promise.all(running);
      return seen;
    },
  };
}

async function sent(url: string, path: string, body?: object, expected = 200) {
  const answer = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  if (answer.status !== expected) throw new Error(`${answer.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

async function graphql(url: string, query: string): Promise<void> {
  const { errors } = await sent(url, '/graphql', { query });
  if (errors) throw new Error(JSON.stringify(errors).slice(0, 300));
}

/** A stream to the end of its run, taken up again as browsers do; then once more from the beginning, to compare. */
async function followed(url: string, id: string, seen: Seen): Promise<void> {
  const told: string[] = [];
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (attempt > 0) seen.resumed += 1;
    const hasEnded = await streamed(url, id, told).catch((error: Error) => {
      seen.failed.push(`stream: ${error.message}`);
      return false;
    });
    if (hasEnded) break;
  }
  const whole: string[] = [];
  const hasEnded = await streamed(url, id, whole).catch(() => false);
  // who is cut off while comparing has nothing to compare with
  if (hasEnded && told.join(' ') !== whole.join(' ')) {
    seen.wrongEvents.push(`${id}: ${told.join(' ')} instead of ${whole.join(' ')}`);
  }
}

/** Adds the ids it is told; true when the run is over. */
async function streamed(url: string, id: string, told: string[]): Promise<boolean> {
  const last = told.at(-1);
  const answer = await fetch(`${url}/api/executions/${id}/stream`, {
    headers: { accept: 'text/event-stream', ...(last && { 'last-event-id': last }) },
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
      if (cursor) told.push(cursor);
      hasEnded ||= /^event: ?(complete|error)$/m.test(frame);
    }
  }
  return hasEnded;
}
