import type { FormattedExecutionResult } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { pino } from 'pino';
import { vi } from 'vitest';
import WebSocket from 'ws';
import { type ApiOptions, type ApiServer, startApi } from '../../src/api/server.ts';
import type { Json } from '../../src/json/json.ts';
import { claim, commit, completed, type Db, makeWorker } from '../sql/support.ts';
import { TEST_MASTER_KEYS } from '../support/worker.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests read single fields of answers
export type Answer = any;
export type GraphqlFailure = { message: string; extensions: Record<string, Json> };
export type Reply = { status: number; data: Answer; errors: GraphqlFailure[] };

const open = {
  host: '127.0.0.1',
  port: 0,
  auth: 'none',
  jwtSecret: undefined,
  jwksUrl: undefined,
  corsOrigins: [],
  graphqlIntrospection: true,
  graphqlOperations: undefined,
} as const;

/** Starts the API as `howdah api` does, on a free port. */
export function startTestApi(url: string, options: Partial<ApiOptions> = {}): Promise<ApiServer> {
  const log = pino({ level: 'silent' });
  return startApi({ ...open, url, log, masterKeys: TEST_MASTER_KEYS, ...options });
}

/** Runs one operation over HTTP, with a bearer token if there is one. */
export async function ask(
  api: ApiServer,
  query: string,
  variables: object = {},
  token?: string,
): Promise<Reply> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = (await response.json()) as Partial<Reply>;
  return { status: response.status, data, errors };
}

/** A graphql-ws client that never reconnects automatically, and its socket. */
export type Socket = { client: Client; socket(): WebSocket; closed: Promise<number> };

export function openSocket(
  api: ApiServer,
  headers: Record<string, string> = {},
  connectionParams: Record<string, unknown> = {},
): Socket {
  let socket: WebSocket | undefined;
  const closed = Promise.withResolvers<number>();
  class Observed extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers });
      socket = this;
      this.on('close', (code) => closed.resolve(code));
    }
  }
  const client = createClient({
    url: `${api.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: Observed,
    connectionParams,
    retryAttempts: 0,
  });
  return {
    client,
    closed: closed.promise,
    socket() {
      if (!socket) throw new Error('not connected yet');
      return socket;
    },
  };
}

/** Items received by a subscription so far, and how it ended. */
export type Followed = {
  items: Answer[];
  errors: GraphqlFailure[];
  /** `completed`, or `cut` if the connection was closed or the server reported an error. */
  end: Promise<'completed' | 'cut'>;
  stop(): void;
};

export function follow({ client }: Socket, query: string, variables: object): Followed {
  const items: Answer[] = [];
  const errors: GraphqlFailure[] = [];
  const end = Promise.withResolvers<'completed' | 'cut'>();
  const stop = client.subscribe(
    { query, variables: { ...variables } },
    {
      next(result: FormattedExecutionResult) {
        if (result.data) items.push(Object.values(result.data)[0]);
        errors.push(...((result.errors ?? []) as unknown as GraphqlFailure[]));
      },
      error(error) {
        if (Array.isArray(error)) errors.push(...error);
        end.resolve('cut');
      },
      complete: () => end.resolve('completed'),
    },
  );
  return { items, errors, end: end.promise, stop };
}

export const STEPS = `subscription ($id: UUID!, $after: Int) {
  executionSteps(executionId: $id, after: $after) { seq name }
}`;

export const UPDATED = `subscription ($id: UUID!) {
  executionUpdated(id: $id) { id status stepCount output steps { totalCount } }
}`;

export const followSteps = (socket: Socket, id: string, after = 0) =>
  follow(socket, STEPS, { id, after });

/** Returns the numbers from the first to the last. */
export function count(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

export function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  return vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error(`did not happen: ${condition}`);
    },
    { timeout: 120_000, interval: 10 },
  );
}

/** A run claimed by a worker that exists only as a row. The test commits its steps. */
export type DrivenRun = {
  /** Commits this many steps, each in its own transaction, and announces them as a worker does. */
  steps(count: number, options?: { silently?: boolean; batch?: number }): Promise<void>;
  /** Commits the last step and ends the run. */
  finish(): Promise<void>;
};

export async function driveRun(db: Db, id: string): Promise<DrivenRun> {
  const worker = await makeWorker(db);
  const [run] = await claim(db, worker, [id]);
  if (!run) throw new Error(`run ${id} could not be claimed`);
  let after = 0;
  const send = async (steps: Record<string, unknown>[], silently = false, to?: object) => {
    const [result] = await commit(db, worker, [
      { id, fence: run.fence, after, steps, ...(to && { to: { ...to } }) },
    ]);
    if (result?.outcome !== 'committed') throw new Error(`step ${after + 1} was not committed`);
    after += steps.length;
    if (result.watched && !silently) {
      await db.query('select howdah_private.announce($1)', [[id]]);
    }
  };
  return {
    async steps(number, { silently = false, batch = 1 } = {}) {
      for (let done = 0; done < number; done += batch) {
        const size = Math.min(batch, number - done);
        const seqs = count(after + 1, after + size);
        await send(
          seqs.map((seq) => ({ kind: 'guard', name: `step ${seq}` })),
          silently,
        );
      }
    },
    finish: () => send([{ kind: 'output', output: completed.output }], false, completed),
  };
}
