/** Most connections to a server that may send requests of its own. */
const MAX_LANES = 8;

type Lane = { run: string; isTaken: boolean };

/**
 * Assigns connections of such servers to calls. A connection serves one call at a time, and all its
 * calls belong to one run. A request of the server therefore always belongs to the run of the
 * connection.
 *
 * Not built on `Semaphore`, whose permits are interchangeable: a caller takes one particular
 * connection, if possible one of its own run, and chooses it when it continues.
 */
export class ConnectionLanes {
  readonly #lanes = new Map<string, Lane[]>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /**
   * Takes a connection. Returns its number, and whether another run used the connection before.
   * Returns undefined when the signal fires before a connection is free.
   */
  async take(
    server: string,
    run: string,
    signal: AbortSignal,
  ): Promise<{ lane: number; isForeign: boolean } | undefined> {
    for (;;) {
      if (signal.aborted) {
        this.#wakeNext(server); // this call may have been woken for a free connection
        return undefined;
      }
      const lanes = this.#lanes.get(server) ?? [];
      this.#lanes.set(server, lanes);
      const own = lanes.findIndex((one) => !one.isTaken && one.run === run);
      if (own >= 0 || lanes.length < MAX_LANES) {
        const lane = own >= 0 ? own : lanes.length;
        lanes[lane] = { run, isTaken: true };
        return { lane, isForeign: false };
      }
      const free = lanes.findIndex((one) => !one.isTaken);
      if (free >= 0) {
        lanes[free] = { run, isTaken: true };
        return { lane: free, isForeign: true };
      }
      await this.#freed(server, signal);
    }
  }

  free(server: string, lane: number): void {
    const one = this.#lanes.get(server)?.[lane];
    if (one) one.isTaken = false;
    this.#wakeNext(server);
  }

  #wakeNext(server: string): void {
    const waiting = this.#waiting.get(server);
    const [first] = waiting ?? [];
    if (!first) return;
    waiting?.delete(first);
    first();
  }

  async #freed(server: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const all = this.#waiting.get(server) ?? new Set();
    this.#waiting.set(server, all.add(resolve));
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    all.delete(resolve);
  }
}
