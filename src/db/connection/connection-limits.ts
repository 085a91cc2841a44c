/**
 * The maximum number of connections to the primary that one process opens, by pool. The code that
 * opens the connections, `howdah doctor` and the table of docs/operations.md take their figures
 * from here.
 */
export const MAX_CONNECTIONS = {
  api: {
    /** Transactions of requests. */
    requests: 10,
    /** Look-ups that authenticate a request. Each look-up serves all requests that wait for it. */
    login: 2,
    /** LISTEN, and the reads for subscribers. */
    listen: 1,
  },
  worker: {
    /** Commits of runs. */
    commits: 4,
    /** Claims of runs, one at a time. */
    claims: 1,
    /** Tools and hooks written in SQL. */
    tools: 10,
    /** Output filters. Commits must not wait for patterns and texts of tenants. */
    filters: 4,
    /** Queries that models write. They may take long, and commits must not wait for them. */
    queries: 4,
    /** Graphile Worker, including its LISTEN connection. */
    queue: 8,
    notify: 1,
    /** The heartbeat of the worker. */
    presence: 1,
  },
  /** Either kind of process, if it records metrics or traces. */
  any: { metrics: 1, traces: 1 },
} as const;

/**
 * Returns the maximum number of connections of an API process, a worker, or a process that is both.
 * Requests through a pooler are not counted, because their connections belong to the pooler.
 */
export function mostConnections(
  parts: { api: boolean; worker: boolean },
  { isPooled = false } = {},
): number {
  const sum = (pools: Readonly<Record<string, number>>) =>
    Object.values(pools).reduce((all, one) => all + one, 0);
  const { api, worker, any } = MAX_CONNECTIONS;
  return (
    sum(any) +
    (parts.api ? sum(api) - (isPooled ? api.requests : 0) : 0) +
    (parts.worker ? sum(worker) : 0)
  );
}
