import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { AccountWork } from '../../src/contracts/connected-account.ts';
import { accountPayload } from '../payloads.ts';

/** Maximum number of accounts that a task asks servers about at once. */
const AT_ONCE = 8;
/** The time after which an account that no permit was free for is tried again. */
const BUSY_MS = 2_000;
/** The attempts of a task: after 1, 2, 4 … minutes, at most an hour apart. */
const MOST_ATTEMPTS = 12;
const FIRST_DELAY_MS = 60_000;
const MAX_DELAY_MS = 3_600_000;

/** The first word of the key of a job. The database makes the same keys. */
const KEYS = { refresh_account: 'account', revoke_account: 'revocation' } as const;

/**
 * Creates a task about the tokens of an account: their refresh, or their revocation. Servers are
 * asked outside of the job, because a server that does not answer would delay wake-ups. The next
 * attempt is in the queue before this one begins, since this process may end. A success removes it.
 */
export function accountTask(
  name: 'refresh_account' | 'revoke_account',
  begin: (id: string) => Promise<AccountWork | undefined>,
  log: Logger,
): Task {
  const semaphore = new Semaphore(AT_ONCE);
  return async (payload, { addJob }) => {
    const { id, tenant_id, attempt } = accountPayload.parse(payload);
    const jobKey = `${KEYS[name]} ${id}`;
    const enqueue = (next: number, delayMs: number) =>
      addJob(
        name,
        { id, tenant_id, attempt: next },
        { jobKey, runAt: new Date(Date.now() + delayMs), maxAttempts: 3 },
      );
    const release = semaphore.tryAcquire();
    if (!release) return void (await enqueue(attempt, BUSY_MS));
    try {
      const work = await begin(id);
      const isLast = attempt >= MOST_ATTEMPTS;
      if (work && !isLast) {
        await enqueue(attempt + 1, Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS));
      }
      void work?.(isLast)
        .catch((err) => log.warn({ err, id, attempt }, `${name} failed`))
        .finally(release);
      if (!work) release();
    } catch (error) {
      release();
      throw error;
    }
  };
}
