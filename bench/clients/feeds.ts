import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { createNotifier } from '../../src/db/feed/notifier.ts';
import { startApiProcess } from '../processes/api.ts';
import { startBareFeed } from './bare-feed.ts';
import type { BenchDatabase } from '../server.ts';

/** What brings committed steps to clients. */
export type Feed = {
  /** A client on a socket of its own; `arrived` is called with the seq of each step it is given. */
  connect(id: string, arrived: (seq: number) => void): void;
  /** The share of what was connected to that would be told of a step by now: 1 when all is ready. */
  readiness(): Promise<number>;
  /** To be called after a commit. */
  announce(id: string, seq: number): void;
  stop(): Promise<void>;
};

const STEPS_QUERY =
  'subscription ($id: UUID!) { executionSteps(executionId: $id, after: 0) { seq kind name output } }';

/** Howdah's: GraphQL subscriptions of an API process, told by the notifier a worker uses. */
export async function openApiFeed({ url, pool }: BenchDatabase): Promise<Feed> {
  const api = await startApiProcess(url);
  const notifier = createNotifier(url);
  const closing: (() => unknown)[] = [];
  const ids = new Set<string>();
  return {
    connect(id, arrived) {
      ids.add(id);
      const client = createClient({
        url: `${api.url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        lazy: false,
      });
      closing.push(() => client.dispose());
      client.subscribe<{ executionSteps: { seq: number } }>(
        { query: STEPS_QUERY, variables: { id } },
        {
          next: ({ data, errors }) => {
            if (!data) {
              throw new Error(`a subscription was refused: ${errors?.[0]?.message}`);
            }
            arrived(data.executionSteps.seq);
          },
          error: () => {},
          complete: () => {},
        },
      );
    },
    async readiness() {
      const { rows } = await pool.query(
        'select count(*)::int as runs from howdah_private.watchers',
      );
      return rows[0].runs / ids.size;
    },
    announce: (id) => notifier.announce(id),
    async stop() {
      await Promise.all(closing.map((close) => close()));
      await notifier.close();
      await api.stop();
    },
  };
}

/** The least there can be: LISTEN, and a frame to each socket of the run; nothing is read, ordered or replayed. */
export async function openBareFeed({ url, pool }: BenchDatabase): Promise<Feed> {
  const feed = await startBareFeed(url);
  const sockets: WebSocket[] = [];
  let open = 0;
  return {
    connect(id, arrived) {
      const socket = new WebSocket(`${feed.url}/${id}`);
      sockets.push(socket);
      socket.on('open', () => {
        open += 1;
      });
      socket.on('message', (frame) => arrived(JSON.parse(String(frame)).seq));
    },
    readiness: async () => open / sockets.length,
    announce(id, seq) {
      void pool.query(`select pg_notify('bare_feed', $1)`, [`${id} ${seq}`]);
    },
    async stop() {
      for (const socket of sockets) {
        socket.terminate();
      }
      feed.stop();
    },
  };
}
