import { randomBytes } from 'node:crypto';
import { HowdahError } from '../../contracts/errors.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type SessionOf, type Subscriptions, subscriptionsOf } from '../../db/mcp/sessions.ts';
import type { Caller, McpFailure } from '../../mcp-server/caller.ts';
import type { ErrorLog } from '../errors/answer-error.ts';
import { explainFailure } from '../errors/database-errors.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { VisibilityGuard } from '../graphql/subscriptions/visibility-guard.ts';
import {
  type CallerTransactionOptions,
  createCallerTransaction,
} from '../limits/caller-transactions.ts';
import type { IsActiveAccount } from '../login/account-status.ts';
import type { Identity } from '../login/auth-result.ts';
import { createCachedLoader } from '../login/cached-loader.ts';
import { loginExpired } from '../login/expiry.ts';
import { settingsFor } from '../login/session-settings.ts';
import { followMcpRun } from './follow-mcp-run.ts';
import { createListMarks } from './list-etags.ts';

export type CallersOptions = CallerTransactionOptions & {
  pool: Pool;
  hub: FeedHub;
  visibilityGuard: VisibilityGuard;
  exists: IsActiveAccount;
  onError: ErrorLog;
};

/**
 * Creates the callers of `/mcp`. As in the other protocols, a caller is the role howdah_app with
 * the settings of the login.
 */
export function createCallers(options: CallersOptions) {
  const { pool, hub, visibilityGuard: visibility, exists, onError } = options;
  const lists = createListMarks();
  const subscriptions = createCachedLoader<SessionOf, Subscriptions>({
    keyOf: ({ tenantId, session }) => `${tenantId} ${session}`,
    ask: (sessions) => subscriptionsOf(pool, sessions),
  });
  return (identity: Identity, address: string | undefined): Caller => {
    const { tenantId, userId, role, scopes = [], apiKeyId } = identity;
    const settings = settingsFor(identity, 'mcp', address);
    const transact = createCallerTransaction(options, identity, settings);
    const checkAccess = () => refuseExpired(identity, exists);
    const key = [tenantId, userId, apiKeyId, role, ...scopes].join(' ');
    const followOptions = {
      ...{ hub, visibility, transact, checkAccess, notFound: noExecution },
      watching: { tenantId, userId, role },
    };
    return {
      key,
      transact,
      follow: (id, signal) => followMcpRun(followOptions, id, signal),
      async announceUnanswered(...event) {
        await pool.query('select howdah_private.announce_unanswered($1, $2, $3)', event);
      },
      explain: (error) => describeError(error, onError),
      lists: () => lists(key, transact),
      changes: (id, signal) => stateChanges(hub, id, signal),
      subscriptions: (session) => subscriptions({ tenantId, session }),
      checkAccess,
    };
  };
}

/**
 * Throws `HWDEN` if the login of the caller has ended, because a call may outlast its token or key.
 * A lost connection to the database rejects nobody.
 */
async function refuseExpired(identity: Identity, exists: IsActiveAccount): Promise<void> {
  const refusal = await loginExpired(identity, exists).catch(() => undefined);
  if (refusal) throw new HowdahError('HWDEN', refusal.message, { hint: refusal.hint });
}

/** Yields with each state of the run, from the feed of this process. */
async function* stateChanges(hub: FeedHub, id: string, signal: AbortSignal): AsyncGenerator<void> {
  const states = hub.states(id);
  const leave = () => void states.return?.();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    for await (const _ of states) yield;
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}

function noExecution(id: string): HowdahError {
  return new HowdahError('HWNTF', `there is no execution ${id}`, { detail: { execution_id: id } });
}

/**
 * Describes an error for the client, as GraphQL does. An error that does not concern the client is
 * logged under an id, and the client gets the id.
 */
function describeError(error: unknown, log: ErrorLog): McpFailure {
  if (error instanceof HowdahError) {
    const { code, message, hint, detail } = error;
    return {
      code,
      message,
      ...(hint !== undefined && { hint }),
      ...(detail !== undefined && { detail }),
    };
  }
  const known = explainFailure(error);
  if (known) return { message: known.message, ...known.extensions };
  const id = randomBytes(6).toString('hex');
  log(error, id);
  const message = `internal error; see the log entry ${id}`;
  return { code: 'EINTERNAL', message };
}
