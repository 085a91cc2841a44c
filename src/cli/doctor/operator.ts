import type { Pool } from '../../db/connection/pool.ts';
import {
  type Alert,
  listInstallationAlerts,
  type ServerFigures,
  type SlowStatement,
  serverFigures,
  slowStatements,
} from '../../db/operations/operator-queries.ts';
import { type CliIo, printTable } from '../output/output.ts';
import type { Finding } from './finding.ts';

const MAX_STATEMENTS = 5;

/** The owner's view of the installation and its server. */
export type OperatorView = {
  alerts: Alert[];
  database: ServerFigures;
  /** Null without pg_stat_statements. */
  slow_statements: SlowStatement[] | null;
};

/** Reads the figures that are cheap enough to read repeatedly. */
export async function operatorView(pool: Pool): Promise<OperatorView> {
  const [alerts, database, slow] = await Promise.all([
    listInstallationAlerts(pool, { withPromises: false }),
    serverFigures(pool),
    slowStatements(pool, MAX_STATEMENTS),
  ]);
  return { alerts, database, slow_statements: slow ?? null };
}

/**
 * Prints the alerts as a table, then the figures of the server in a line, then its slowest
 * statements.
 */
export function showOperatorView(io: CliIo, view: OperatorView): void {
  if (view.alerts.length > 0) {
    io.out('');
    printTable(io, view.alerts);
  }
  io.out('');
  io.out(inWords(view.database));
  if (view.slow_statements && view.slow_statements.length > 0) {
    io.out('');
    printTable(io, view.slow_statements);
  }
}

/** Returns the same view as findings of `howdah doctor`. */
export async function operatorFindings(pool: Pool): Promise<Finding[]> {
  const { alerts, database, slow_statements } = await operatorView(pool);
  const [worst] = alerts;
  const slow = slow_statements?.[0];
  return [
    {
      check: 'alerts',
      ok: !alerts.some(({ severity }) => severity === 'critical'),
      found: worst
        ? `${alerts.length}, the most severe: ${worst.name} of ${worst.subject}: ${worst.detail}`
        : 'howdah.alerts is empty',
      ...(worst ? { fix: `${worst.runbook}; list all alerts: howdah admin alerts --now` } : {}),
    },
    { check: 'database', ok: true, found: inWords(database) },
    {
      check: 'statements',
      ok: true,
      found: slow
        ? `the slowest on average: ${slow.mean_ms} ms, ${slow.calls} calls: ${slow.query}`
        : 'not measured, because pg_stat_statements is not installed; it is optional',
    },
  ];
}

function inWords(figures: ServerFigures): string {
  const rows = figures.live_rows + figures.dead_rows;
  const dead = rows > 0 ? Math.round((100 * figures.dead_rows) / rows) : 0;
  const hidden =
    figures.hidden_sessions > 0
      ? ` (unknown: ${figures.hidden_sessions} sessions of other logins; grant pg_read_all_stats to see them)`
      : '';
  return [
    `${figures.connections} of ${figures.connections_limit} connections`,
    `${figures.lock_waits} lock waits`,
    `oldest transaction ${figures.oldest_transaction_seconds} s${hidden}`,
    `${figures.size_mb} MB`,
    `${dead} % dead rows`,
    ...(figures.cache_hit_percent === null ? [] : [`${figures.cache_hit_percent} % cache hits`]),
  ].join(', ');
}
