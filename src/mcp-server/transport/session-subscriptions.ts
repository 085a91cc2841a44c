import { ResourceNotFoundError } from '@modelcontextprotocol/server';
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

/** What the client of a session asked to be told of, wherever that is kept. */
export type SessionSubscriptions = {
  /** The least grave log message it wants; null when it never said. */
  logLevel(): Promise<string | null>;
  setLogLevel(level: string): Promise<void>;
  /** Throws when there is no such run, or file, for the caller. */
  subscribe(uri: string): Promise<void>;
  unsubscribe(uri: string): Promise<void>;
  subscriptions(): Promise<Subscriptions>;
};

/** Kept in the database, for requests that reach any process. */
export function storedSubscriptions(caller: Caller, session: string): SessionSubscriptions {
  return {
    logLevel: () => caller.transact((client) => logLevelOf(client, session)),
    setLogLevel: (level) => caller.transact((client) => setLogLevel(client, session, level)),
    subscribe: (uri) =>
      caller.transact(async (client) => {
        const { id, mark } = await seen(client, uri);
        await subscribe(client, session, id, mark);
      }),
    async unsubscribe(uri) {
      const key = executionOf(uri) ?? uri;
      await caller.transact((client) => unsubscribe(client, session, key));
    },
    subscriptions: () => caller.subscriptions(session),
  };
}

/** Kept for as long as a connection lasts. */
export function inMemorySubscriptions(caller: Caller): SessionSubscriptions {
  const runs = new Map<string, string>();
  let logLevel: string | null = null;
  return {
    logLevel: async () => logLevel,
    async setLogLevel(level) {
      logLevel = level;
    },
    async subscribe(uri) {
      const { id, mark } = await caller.transact((client) => seen(client, uri));
      runs.set(id, mark);
    },
    async unsubscribe(uri) {
      runs.delete(executionOf(uri) ?? uri);
    },
    subscriptions: async () => runs,
  };
}

async function seen(client: PoolClient, uri: string): Promise<{ id: string; mark: string }> {
  const id = executionOf(uri) ?? uri;
  const mark = (await etagsOfAll(client, [id])).get(id);
  if (mark === undefined) throw new ResourceNotFoundError(displayable(uri));
  return { id, mark };
}
