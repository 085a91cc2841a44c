import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { AccountWork } from '../../src/contracts/connected-account.ts';
import { FairTaskQueue, type TenantJob } from '../fair-task-queue.ts';
import { accountPayload } from '../payloads.ts';

/**
 * The limits of accounts that servers are asked about at once. A tenant whose authorization server
 * does not answer delays only its own accounts.
 */
const ROOM = { atOnce: 16, ofOneTenant: 8 };
/** The attempts of a task: after 1, 2, 4 … minutes, at most an hour apart. */
const MAX_ATTEMPTS = 12;
const FIRST_DELAY_MS = 60_000;
const MAX_DELAY_MS = 3_600_000;
/** The first word of the key of a job. The database makes the same keys. */
const KEYS = { refresh_account: 'account', revoke_account: 'revocation' } as const;

type AccountJob = TenantJob & {
  attempt: number;
  /** Puts an attempt into the queue, in place of the one that is there. */
  enqueue(attempt: number, runAt: Date): Promise<unknown>;
};

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
  const line = new FairTaskQueue<() => Promise<void>, AccountJob>(
    ROOM,
    {
      async begin({ id, attempt, enqueue }) {
        const work = await begin(id);
        const isLast = attempt >= MAX_ATTEMPTS;
        if (work && !isLast) await enqueue(attempt + 1, timeAfter(attempt));
        return work && (() => work(isLast));
      },
      go: (work) => work(),
    },
    (err, { id, attempt }) => log.warn({ err, id, attempt }, `${name} failed`),
  );
  return async (payload, { addJob }) => {
    const { id, tenant_id, attempt } = accountPayload.parse(payload);
    const enqueue = (next: number, runAt: Date) =>
      addJob(
        name,
        { id, tenant_id, attempt: next },
        { jobKey: `${KEYS[name]} ${id}`, runAt, maxAttempts: 3 },
      );
    const runAt = await line.submit({ id, tenant_id, attempt, enqueue });
    if (runAt) await enqueue(attempt, runAt);
  };
}

/** Returns the time of the attempt after this one. */
function timeAfter(attempt: number): Date {
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
  return new Date(Date.now() + delayMs);
}
