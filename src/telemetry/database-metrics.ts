import { Gauge, type Registry } from 'prom-client';

/** A sample of a metric that is read from the database. */
export type Figure = { name: string; labels: Record<string, string>; value: number };
export type ReadFigures = () => Promise<readonly Figure[]>;

/** The time for which a read is cached, so that concurrent and successive readers share it. */
const CACHE_MS = 5_000;

/**
 * The metrics that `howdah_private.metrics()` returns, with the help text and the labels of each.
 */
const FIGURES: Readonly<Record<string, readonly [help: string, ...labels: string[]]>> = {
  howdah_runs: [
    'Runs that have not ended, by status and by the reason they wait.',
    'status',
    'waiting_for',
  ],
  howdah_queue_depth: ['Runs that are due and not yet claimed by a worker.'],
  howdah_queue_oldest_age_seconds: ['Time for which the oldest due run has waited.'],
  howdah_jobs: [
    'Jobs of the queue: ready, later, locked by a worker, or failed for good.',
    'state',
  ],
  howdah_questions_open: ['Open questions to people.', 'kind'],
  howdah_webhook_deliveries: ['Webhook deliveries that are pending, or failed for good.', 'status'],
  howdah_batch_rows: [
    'Rows of batch jobs: due (waiting), due later, failing (among these), and done since the installation.',
    'job',
    'state',
  ],
  howdah_batch_oldest_age_seconds: ['Time for which the oldest row of a job is due.', 'job'],
  howdah_batch_paused: ['1 if the batch job is paused.', 'job'],
  howdah_workers: ['Workers that sent a heartbeat within 10 seconds.'],
  howdah_agents: ['Agents that are not deleted, active or inactive.', 'state'],
  howdah_alerts: [
    'Rows of howdah.alerts; 0 if there are none. The alert promises_broken is not included, because its check reads whole logs: use the alert rule violations.',
    'alert',
    'severity',
  ],
  howdah_alert_rules: ['Active alert rules, by the result of the last check.', 'state'],
  howdah_database_connections: ['Connections to this database, from all clients.'],
  howdah_database_connections_limit: ['Connections the server allows.'],
  howdah_database_lock_waits: ['Sessions that wait for a lock.'],
  howdah_database_transactions: [
    'Transactions since the statistics of the server were reset.',
    'outcome',
  ],
  howdah_database_deadlocks: ['Deadlocks since the statistics of the server were reset.'],
  howdah_database_size_bytes: ['Size of the database on disk.'],
  howdah_database_oldest_transaction_id: [
    'Age of the oldest row that is not frozen, in transactions.',
  ],
  howdah_database_dead_rows: ['Old versions of rows that vacuum has not removed.', 'table'],
  howdah_database_live_rows: ['Rows, as the server estimates them.', 'table'],
};

/**
 * Creates the gauges of the database. When the database does not answer, `howdah_database_up` is 0
 * and the other gauges have no sample.
 */
export function createDatabaseMetrics(register: Registry, read: ReadFigures) {
  const registers = [register];
  const gauges = new Map(
    Object.entries(FIGURES).map(([name, [help, ...labelNames]]) => [
      name,
      new Gauge({ name, help, labelNames, registers }),
    ]),
  );
  const up = new Gauge({
    name: 'howdah_database_up',
    help: '1 if the database answered. Without an answer, the other metrics of the database are omitted.',
    registers,
  });
  let reading: Promise<void> | undefined;
  let until = 0;

  const readFigures = async (): Promise<void> => {
    const figures = await read().catch(() => undefined);
    for (const [name, gauge] of gauges) {
      gauge.reset();
      // otherwise the gauge would report 0
      if (!figures && FIGURES[name]?.length === 1) gauge.remove();
    }
    up.set(figures ? 1 : 0);
    for (const { name, labels, value } of figures ?? []) gauges.get(name)?.set(labels, value);
    until = performance.now() + CACHE_MS;
  };
  return {
    refresh(): Promise<void> {
      if (!reading || performance.now() > until) {
        until = Number.POSITIVE_INFINITY; // while the read is under way
        reading = readFigures();
      }
      return reading;
    },
  };
}
