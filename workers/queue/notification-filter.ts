import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerEvents } from 'graphile-worker';
import { throttle } from '../../src/concurrency/throttle.ts';
import type { Notification, Pool, PoolClient } from '../../src/db/connection/pool.ts';
import { parseJson } from '../../src/json/parse-json.ts';

/**
 * The delay of `jobs:insert`. A new run is offered to a worker, which usually claims it within this
 * time (sql/10_private/queue/offer_runs.sql). An earlier search would take the wake-up of the run
 * for nothing.
 */
const JOBS_DELAY_MS = 5;
/**
 * The pause between a passed `jobs:insert` and the next notification that counts. A passed
 * notification makes each slot of the queue search once or twice.
 */
const JOBS_PAUSE_MS = 5;
/** The pause between two reads of the table of migrations. */
const MIGRATIONS_PAUSE_MS = 1_000;
/** Maximum number of jobs announced at once. No queue has as many slots. */
const MAX_JOBS = 10_000;

/**
 * A function that returns the number of a breaking migration made since the queue was started, if
 * there is one.
 */
export type FindBreakingMigration = () => Promise<number | undefined>;

/**
 * Filters the notifications that a Graphile Worker with these events receives, on each connection
 * it listens on. Looks for a migration whenever LISTEN was answered, because notifications before
 * that are lost.
 */
export function filterNotifications(events: WorkerEvents, find: FindBreakingMigration): void {
  let filter: NotificationFilter | undefined;
  events.on('pool:listen:success', ({ client }) => {
    filter = filterClient(client, find);
    client.once('drain', filter.checkMigrations); // LISTEN is sent right after this event
  });
  events.on('pool:listen:release', () => filter?.detach());
}

export type NotificationFilter = {
  /** Looks for a migration, as if one had been announced. */
  checkMigrations(): void;
  /** Removes the filter. */
  detach(): void;
};

/**
 * Filters forged notifications before Graphile Worker sees them. NOTIFY has no privileges: every
 * login of the database may send `jobs:insert` and `worker:migrate`, with any payload.
 *
 * - `jobs:insert` makes slots search for jobs. It passes after 5 ms, and those of 10 ms pass as
 *   one. A flood costs a bounded number of searches, and delays no job by more than 10 ms.
 * - `worker:migrate` shuts Graphile Worker down when it announces a breaking migration. It passes
 *   only if `find` returns one; `find` is called at most once a second, and again after a failure.
 * - Other channels do not pass.
 */
export function filterClient(
  client: Pick<PoolClient, 'emit'>,
  find: FindBreakingMigration,
): NotificationFilter {
  const emit = client.emit.bind(client) as (event: string, ...values: unknown[]) => boolean;
  const pass = (channel: string, content: object): void => {
    emit('notification', { processId: 0, channel, payload: JSON.stringify(content) });
  };

  let jobs = 0;
  const announceJobs = throttle(JOBS_PAUSE_MS, async () => {
    await delay(JOBS_DELAY_MS, undefined, { ref: false });
    const count = jobs;
    jobs = 0;
    if (count > 0) pass('jobs:insert', { count });
  });

  let isDetached = false;
  const checkMigrations = throttle(MIGRATIONS_PAUSE_MS, async () => {
    try {
      const migrationNumber = await find();
      if (migrationNumber !== undefined) {
        pass('worker:migrate', { migrationNumber, breaking: true });
      }
    } catch {
      // Nobody announces a migration twice.
      if (!isDetached) checkMigrations();
    }
  });

  const onNotification = ({ channel, payload }: Notification): void => {
    if (channel === 'jobs:insert') {
      jobs = Math.min(jobs + countOf(payload), MAX_JOBS);
      if (jobs > 0) announceJobs();
    } else if (channel === 'worker:migrate') {
      checkMigrations();
    }
  };
  const emitFiltered = (event: string, ...values: unknown[]): boolean => {
    if (event !== 'notification') return emit(event, ...values);
    onNotification(values[0] as Notification);
    return true;
  };
  Object.assign(client, { emit: emitFiltered });
  const detach = (): void => {
    isDetached = true;
    if (client.emit === (emitFiltered as unknown)) Reflect.deleteProperty(client, 'emit');
  };
  return { checkMigrations, detach };
}

/** The breaking migrations of Graphile Worker, which end each Graphile Worker that ran before. */
export class BreakingMigrations {
  readonly #pool: Pool;
  #known: number | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Reads the present migrations, before the queue is started: they are known from then on. */
  async read(): Promise<void> {
    this.#known = await this.#latest();
  }

  /** Returns the number of a migration that was made since `read`, if there is one. */
  async findNew(): Promise<number | undefined> {
    const latest = await this.#latest();
    return this.#known !== undefined && latest > this.#known ? latest : undefined;
  }

  async #latest(): Promise<number> {
    const { rows } = await this.#pool.query(
      'select coalesce(max(m.id), 0) as id from graphile_worker.migrations as m where m.breaking',
    );
    return rows[0].id;
  }
}

/**
 * Reads the number of new jobs as Graphile Worker does: one if the payload gives none, zero if it
 * is not a number.
 */
function countOf(payload = ''): number {
  try {
    const count = Number(parseJson<{ count?: unknown } | null>(payload)?.count ?? 1);
    return count > 0 ? count : 0;
  } catch {
    return 1;
  }
}
