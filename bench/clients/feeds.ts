import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { createNotifier } from '../../src/db/feed/notifier.ts';
import { startApiProcess } from '../processes/api.ts';
import type { BenchDatabase } from '../server.ts';
import { startBareFeed } from './bare-feed.ts';

/** A way by which clients receive committed steps. */
export type Feed = {
  /**
   * Connects a client of the run `id` on a socket of its own. `onStep` is called with the seq of
   * each step that the client receives.
   */
  connect(id: string, onStep: (seq: number) => void): void;
  /** Returns the share of runs or clients that are connected. At 1 all are. */
  readiness(): Promise<number>;
  /** Announces a step. Must be called after its commit. */
  announce(id: string, seq: number): void;
  stop(): Promise<void>;
};

const STEPS_QUERY =
  'subscription ($id: UUID!) { executionSteps(executionId: $id, after: 0) { seq kind name output } }';

/**
 * Opens the feed of Howdah: GraphQL subscriptions of an API process, and the notifier of a worker.
 */
export async function openApiFeed({ url, pool }: BenchDatabase): Promise<Feed> {
  const api = await startApiProcess(url);
  const notifier = createNotifier(url);
  const disposers: (() => unknown)[] = [];
  const ids = new Set<string>();
  return {
    connect(id, onStep) {
      ids.add(id);
      const client = createClient({
        url: `${api.url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        lazy: false,
      });
      disposers.push(() => client.dispose());
      client.subscribe<{ executionSteps: { seq: number } }>(
        { query: STEPS_QUERY, variables: { id } },
        {
          next: ({ data, errors }) => {
            if (!data) {
              throw new Error(`a subscription failed: ${errors?.[0]?.message}`);
            }
            onStep(data.executionSteps.seq);
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
      await Promise.all(disposers.map((dispose) => dispose()));
      await notifier.close();
      await api.stop();
    },
  };
}

/**
 * Opens the limit: LISTEN, and a frame to each socket of the run. Nothing is read from tables,
 * ordered or replayed.
 */
export async function openBareFeed({ url, pool }: BenchDatabase): Promise<Feed> {
  const feed = await startBareFeed(url);
  const sockets: WebSocket[] = [];
  let open = 0;
  return {
    connect(id, onStep) {
      const socket = new WebSocket(`${feed.url}/${id}`);
      sockets.push(socket);
      socket.on('open', () => {
        open += 1;
      });
      socket.on('message', (frame) => onStep(JSON.parse(String(frame)).seq));
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
