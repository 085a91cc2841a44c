/**
 * The most connections to the primary that one process has, by its pools. What opens them takes its figure from here, and
 * so do `howdah doctor` and the table of docs/operations.md.
 */
export const MOST_CONNECTIONS = {
  api: {
    /** Transactions of requests. */
    requests: 10,
    /** What is asked about a request before anybody is let in, each in one look-up for all who wait. */
    login: 2,
    /** LISTEN, and what subscribers read. */
    listen: 1,
  },
  worker: {
    /** Commits of runs. */
    commits: 4,
    /** Claims of runs, one at a time. */
    claims: 1,
    /** Tools and hooks written in SQL. */
    tools: 10,
    /** Queries that models write: these may take long, and what commits shall not wait for them. */
    queries: 4,
    /** Graphile Worker, its LISTEN among them. */
    queue: 8,
    notify: 1,
    /** Shows that the worker is alive. */
    presence: 1,
  },
  /** Of a process of either kind, where it counts or traces. */
  any: { metrics: 1, traces: 1 },
} as const;

/** All of an API process, of a worker, and of one that is both. What goes through a pooler is the pooler's. */
export function mostConnections(
  parts: { api: boolean; worker: boolean },
  { isPooled = false } = {},
): number {
  const sum = (pools: Readonly<Record<string, number>>) =>
    Object.values(pools).reduce((all, one) => all + one, 0);
  const { api, worker, any } = MOST_CONNECTIONS;
  return (
    sum(any) +
    (parts.api ? sum(api) - (isPooled ? api.requests : 0) : 0) +
    (parts.worker ? sum(worker) : 0)
  );
}
