import type { Pool, PoolClient } from '../src/db/connection/pool.ts';

type Release = (error?: Error | boolean) => void;
type Connected = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: Release,
) => void;

/**
 * The same pool, for Graphile Worker alone, which has two habits when connections are lost. Refused by a server that is
 * starting up it waits for 3 to 4.5 s, and longer each time; it comes back at its next poll when the refusal has no code it
 * knows. And when its LISTEN fails while it shuts down it releases that connection twice, where nobody catches that pg
 * throws at the second time: the process would end.
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
