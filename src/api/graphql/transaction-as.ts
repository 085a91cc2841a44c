import type { IncomingMessage } from 'node:http';
import type { RequestQueue } from '../http/request-queue.ts';
import type { Connections } from '../limits/connections.ts';
import type { Identity } from '../login/auth-result.ts';
import type { Transaction } from '../login/rights.ts';
import { inTransactionAs, settingsFor } from '../login/session-settings.ts';

/**
 * Returns transactions as the caller for queries outside an operation. Each transaction waits for
 * its turn.
 */
export function transactionAs(
  identity: Identity,
  { socket }: IncomingMessage,
  { connections, requestQueue }: { connections: Connections; requestQueue: RequestQueue },
): Transaction {
  const settings = settingsFor(identity, 'graphql', socket.remoteAddress);
  return (work) =>
    requestQueue.run(identity, () => inTransactionAs(connections.as(identity), settings, work));
}
