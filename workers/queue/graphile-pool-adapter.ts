import type { Pool, PoolClient } from '../../src/db/connection/pool.ts';

type Release = (error?: Error | boolean) => void;
type Connected = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: Release,
) => void;

/**
 * Adapts a pool for Graphile Worker, which handles lost connections badly in two cases. When a
 * starting server refuses a connection, Graphile Worker waits for 3 to 4.5 s, and longer each time.
 * If the error has no code that Graphile Worker knows, it retries at its next poll. When its LISTEN
 * fails while it shuts down, it releases that connection twice. pg throws at the second release,
 * nobody catches the error, and the process would end.
 */
export function adaptPoolForGraphile(pool: Pool): Pool {
  const inner = pool.connect.bind(pool) as () => Promise<PoolClient>;
  const connect = (done?: Connected): Promise<PoolClient> | undefined => {
    const connecting = inner().catch((cause: Error) => {
      throw new Error(cause.message, { cause });
    });
    if (!done) {
      return connecting;
    }
    connecting.then(
      (client) => done(undefined, client, once(client.release.bind(client))),
      (error) => done(error, undefined, () => {}),
    );
    return undefined;
  };
  pool.connect = connect as Pool['connect'];
  return pool;
}

function once(release: Release): Release {
  let isReleased = false;
  return (error) => {
    if (!isReleased) {
      isReleased = true;
      release(error);
    }
  };
}
