import { randomUUID } from 'node:crypto';
import { HowdahError } from '../../contracts/errors.ts';
import { type Client, onConnection } from './pool.ts';
import { faultOf } from './sqlstate.ts';

/**
 * The time limit for the second connection. A slower connection proves nothing, because the server
 * may have no free connection.
 */
const SECOND_MS = 2_000;

/**
 * Connects, and throws `HWINV` if a pooler answers that keeps no session for a connection. Locks,
 * LISTEN and settings of ours would affect other clients there. Most such poolers reject the
 * settings at the start of a session. Some are configured to ignore the settings
 * (`ignore_startup_parameters`), so that a connection would have the rights of its login instead of
 * its role.
 */
export async function refusePooler(url: string, applicationName: string): Promise<void> {
  const marker = randomUUID();
  const settings = { 'howdah.session': marker };
  try {
    const received = await onConnection({ url, applicationName, settings }, async (client) => {
      const { rows } = await client.query(`select current_setting('howdah.session', true) as said`);
      return rows[0].said;
    });
    if (received !== marker) throw poolerError(url, 'does not allow startup parameters');
  } catch (error) {
    const isUnsupported = /unsupported startup parameter/.test(faultOf(error).message);
    throw isUnsupported ? poolerError(url, 'does not allow startup parameters', error) : error;
  }
  if (await sharesBackends(url, applicationName)) {
    throw poolerError(url, 'uses a different session for each transaction');
  }
}

/**
 * Returns whether two simultaneous connections have the same server process, which never happens
 * without a pooler.
 */
export function sharesBackends(url: string, applicationName: string): Promise<boolean> {
  const backend = async (client: Client): Promise<number> =>
    (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
  const second = { url, applicationName, answerWithinMs: SECOND_MS };
  return onConnection({ url, applicationName }, async (client) => {
    const first = await backend(client);
    return first === (await onConnection(second, backend).catch(() => undefined));
  });
}

function poolerError(url: string, why: string, cause?: unknown): HowdahError {
  const { host } = new URL(url);
  return new HowdahError('HWINV', `the server at ${host} is a pooler that ${why}`, {
    hint: 'Set DATABASE_DIRECT_URL to the URL of the server itself. DATABASE_URL may remain the URL of the pooler, for the requests of the API.',
    detail: { variable: 'DATABASE_DIRECT_URL', host },
    cause,
  });
}
