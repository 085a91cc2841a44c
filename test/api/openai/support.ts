import OpenAI from 'openai';
import { vi } from 'vitest';
import {
  type FakeAnswer,
  type FakeRequest,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import { FeedHub } from '../../../src/api/feed/feed-hub.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent, unique } from '../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

/** A message received by the model server. */
export type SentMessage = {
  role: string;
  content: unknown;
  tool_calls?: unknown;
  tool_call_id?: string;
};

/** An API, a worker, and a model server that answers for the agent named in the instruction. */
export type OpenAiFixture = {
  db: TestDatabase;
  api: ApiServer;
  client: OpenAI;
  /** Creates a client with this token or key for this API. */
  clientOf(apiKey: string, api?: ApiServer): OpenAI;
  /** Makes an agent whose model answers by `answer`, and returns its name. */
  agent(
    answer: (request: FakeRequest, messages: SentMessage[]) => FakeAnswer | Promise<FakeAnswer>,
    columns?: object,
    tools?: string[],
  ): Promise<string>;
  /** Returns the messages of each request that the model of an agent received. */
  messagesOf(agent: string): SentMessage[][];
  restartWorker(): Promise<void>;
  close(): Promise<void>;
};

export async function openOpenAiFixture(): Promise<OpenAiFixture> {
  const db = await createTestDatabase();
  const answers = new Map<
    string,
    (request: FakeRequest, messages: SentMessage[]) => FakeAnswer | Promise<FakeAnswer>
  >();
  const nameIn = ({ body }: FakeRequest) =>
    /I am ([\w-]+)\./.exec(JSON.stringify(body.messages))?.[1] ?? '';
  const server: FakeServer = await startOpenAiServer((request) => {
    const answer = answers.get(nameIn(request));
    return answer
      ? answer(request, sentIn(request))
      : { status: 500, error: { message: 'nobody' } };
  });
  await db.pool.query(`update howdah.models set provider = 'openai' where name = 'default'`);
  const api = await startTestApi(db.url);
  const start = () => startTestWorker(db.url, { openai: server.url });
  let worker: Worker = await start();
  const clientOf = (apiKey: string, to = api) =>
    new OpenAI({ apiKey, baseURL: `${to.url}/v1`, maxRetries: 0 });
  return {
    db,
    api,
    clientOf,
    client: clientOf('none'),
    async agent(answer, columns = {}, tools = []) {
      const name = unique('agent');
      answers.set(name, answer);
      const id = await makeAgent(db.pool, { instruction: `I am ${name}.`, ...columns, name });
      for (const tool of tools) {
        await db.pool.query(
          'insert into howdah.agent_tools (agent_id, tool_id) select $1, t.id from howdah.tools as t where t.name = $2 and t.tenant_id = howdah.current_tenant()',
          [id, tool],
        );
      }
      return name;
    },
    messagesOf: (agent) =>
      server.requests.filter((request) => nameIn(request) === agent).map(sentIn),
    async restartWorker() {
      await worker.stop(0);
      worker = await start();
    },
    async close() {
      await worker.stop(0);
      await api.close();
      await server.close();
      await db.drop();
    },
  };
}

/** Marks around external content: docs/trust.md. They are removed. */
const MARKED = /<external-data [^>]*>\n([\s\S]*?)\n<\/external-data [^>]*>/g;

function sentIn({ body }: FakeRequest): SentMessage[] {
  const messages = body.messages as unknown as SentMessage[];
  return messages.map((message) =>
    typeof message.content === 'string'
      ? { ...message, content: message.content.replace(MARKED, '$1') }
      : message,
  );
}

export const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  } satisfies JsonObject,
};

export { startTestApi, tokenFor, tokenOptions as locked };

/** Ends each feed of the process at once, as a closing server does, while `work` runs. */
export async function withoutFeeds<T>(work: () => Promise<T>): Promise<T> {
  const nothing = async function* () {
    yield* [];
    return undefined;
  };
  const mocks = (['steps', 'states'] as const).map((name) =>
    vi.spyOn(FeedHub.prototype, name).mockImplementation(nothing),
  );
  try {
    return await work();
  } finally {
    for (const mock of mocks) mock.mockRestore();
  }
}
