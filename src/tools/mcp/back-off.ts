import type { RunError } from '../../contracts/errors.ts';
import { keyOfAccount, type McpServer } from './server.ts';

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;

type Failure = { revision: string; times: number; until: number; error: RunError };

/**
 * Delays the next connection to a server that could not be reached. The delay doubles with each
 * failure. A changed configuration of the server ends the delay.
 */
export class ConnectionBackOff {
  readonly #failures = new Map<string, Failure>();

  recordFailure(server: McpServer, error: RunError): void {
    const times = (this.#failures.get(keyOfAccount(server))?.times ?? 0) + 1;
    const until = Date.now() + Math.min(FIRST_DELAY_MS * 2 ** (times - 1), MAX_DELAY_MS);
    this.#failures.set(keyOfAccount(server), { revision: server.revision, times, until, error });
  }

  recordSuccess(server: McpServer): void {
    this.#failures.delete(keyOfAccount(server));
  }

  /** Returns the last error, with the remaining delay. Undefined if a connection may be opened. */
  errorDuringDelay(server: McpServer): RunError | undefined {
    const failure = this.#failures.get(keyOfAccount(server));
    const retry_after_ms = (failure?.until ?? 0) - Date.now();
    if (failure?.revision !== server.revision || retry_after_ms <= 0) return undefined;
    return { ...failure.error, retryable: true, retry_after_ms };
  }
}
