import { ResourceNotFoundError } from '@modelcontextprotocol/server';
import { HowdahError } from '../../contracts/errors.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import {
  logLevelOf,
  type Subscriptions,
  setLogLevel,
  subscribe,
  unsubscribe,
} from '../../db/mcp/sessions.ts';
import { displayable } from '../../text/displayable.ts';
import type { Caller } from '../caller.ts';
import { etagsOfAll } from '../resources/etags.ts';
import { executionOf } from '../resources/uris.ts';

/** The subscriptions and the log level of a session, in the database or in memory. */
export type SessionSubscriptions = {
  /** Returns the lowest log level that the client wants, or null if the client has set none. */
  logLevel(): Promise<string | null>;
  setLogLevel(level: string): Promise<void>;
  /** Subscribes to a run or a file. Throws if there is no such run or file for the caller. */
  subscribe(uri: string): Promise<void>;
  unsubscribe(uri: string): Promise<void>;
  subscriptions(): Promise<Subscriptions>;
};

/**
 * Creates subscriptions that are stored in the database, because requests may reach any process.
 */
export function storedSubscriptions(caller: Caller, session: string): SessionSubscriptions {
  return {
    logLevel: () => caller.transact((client) => logLevelOf(client, session)),
    setLogLevel: (level) => caller.transact((client) => setLogLevel(client, session, level)),
    subscribe: (uri) =>
      caller.transact(async (client) => {
        const { id, mark } = await findVisible(client, uri);
        await subscribe(client, session, id, mark);
      }),
    async unsubscribe(uri) {
      const key = executionOf(uri) ?? uri;
      await caller.transact((client) => unsubscribe(client, session, key));
    },
    subscriptions: () => caller.subscriptions(session),
  };
}

/** Most subscriptions of one connection. A client that needs more can unsubscribe from old runs. */
const MAX_SUBSCRIPTIONS = 1_000;

/** Creates subscriptions that last as long as a connection. */
export function inMemorySubscriptions(caller: Caller): SessionSubscriptions {
  const runs = new Map<string, string>();
  let logLevel: string | null = null;
  return {
    logLevel: async () => logLevel,
    async setLogLevel(level) {
      logLevel = level;
    },
    async subscribe(uri) {
      const { id, mark } = await caller.transact((client) => findVisible(client, uri));
      if (runs.size >= MAX_SUBSCRIPTIONS && !runs.has(id)) throw tooMany();
      runs.set(id, mark);
    },
    async unsubscribe(uri) {
      runs.delete(executionOf(uri) ?? uri);
    },
    subscriptions: async () => runs,
  };
}

function tooMany(): HowdahError {
  const message = `maximum number of subscriptions of a session (${MAX_SUBSCRIPTIONS}) reached`;
  return new HowdahError('HWINV', message, {
    hint: 'Unsubscribe from runs that have ended.',
    detail: { field: 'uri' },
  });
}

async function findVisible(client: PoolClient, uri: string): Promise<{ id: string; mark: string }> {
  const id = executionOf(uri) ?? uri;
  const mark = (await etagsOfAll(client, [id])).get(id);
  if (mark === undefined) throw new ResourceNotFoundError(displayable(uri));
  return { id, mark };
}
