import { setTimeout as pause } from 'node:timers/promises';
import { positionOf } from '../../contracts/log-position.ts';
import { breakConnections, createPool, type Pool } from './pool.ts';
import { faultOf, isConnectionLoss } from './sqlstate.ts';

/** The pause between two checks of the replica. */
const POLL_MS = 1_000;
/** The time limit for the replica to report its position. A slower replica counts as away. */
const ANSWER_MS = 2_000;
/** A time limit longer than that of any statement of a request. */
const REQUEST_MS = 6_000;
/** The pause between two reads of the position while callers wait for it. */
const ASK_AGAIN_MS = 2;
/** The lag above which the replica is not used. */
const MAX_LAG_SECONDS = 10;
/** The number of positions of the primary that are remembered, one for each check. */
const REMEMBERED = 60;

/** The reason why a replica is not used; undefined if it is used. */
export type ReplicaTrouble = 'away' | 'lagging' | 'promoted' | 'foreign';

export type ReplicaOptions = {
  url: string;
  /** The primary, which reports the position of the writer. */
  primary: Pool;
  /** The maximum number of connections to the replica for requests. */
  connections: number;
  settings: Readonly<Record<string, string>>;
  mostLagSeconds?: number;
  /**
   * The time limit for the answer to a statement. After that time the connection counts as lost.
   */
  answerWithinMs?: number;
  onChange(trouble: ReplicaTrouble | undefined): void;
};

/**
 * Reads the end of the log of the writer. Every earlier commit is before that position. A commit
 * that did not wait for its flush (`synchronous_commit = off`) may be after the position that is
 * written to the file, so the insert position is used then.
 */
export async function writtenUpTo(primary: Pool): Promise<string> {
  const { rows } = await primary.query<{ lsn: string }>(
    `select case current_setting('synchronous_commit')
       when 'off' then pg_current_wal_insert_lsn() else pg_current_wal_lsn() end::text as lsn`,
  );
  return rows[0]?.lsn ?? '';
}

/**
 * Returns whether the primary may succeed where the replica failed. The replica may be lost, may
 * have cancelled the query to continue with the log, may have been asked to write, or may not have
 * received a row, a table or a function yet.
 */
export function mayDoBetter(error: unknown): boolean {
  return (
    isConnectionLoss(error) ||
    /^(HWNTF|25006|0A000|42P01|42703|42883|42704|(08|28|3D|3F|40|53|55|57P|58|XX)...)$/.test(
      faultOf(error).code,
    )
  );
}

type StandbyState = { is_standby: boolean; replayed: string | null; system: string };

/**
 * Watches a replica from now on. The replica may be away at any time: `trouble` and `onChange`
 * report that, and it is never thrown.
 */
export function watchReplica(options: ReplicaOptions): Replica {
  const replica = new Replica(options);
  replica.start();
  return replica;
}

/** A hot standby and its known state. */
export class Replica {
  /** Connections for requests. */
  readonly pool: Pool;
  readonly #options: ReplicaOptions;
  /** Connections that read the state of the replica. */
  readonly #watchPool: Pool;
  readonly #closing = new AbortController();
  /** Positions of the writer, one for each check, oldest first. */
  readonly #written: { at: number; position: bigint }[] = [];
  #trouble: ReplicaTrouble | undefined = 'away';
  #replayed = 0n;
  /** The read of the position under way, for all callers that wait for it. */
  #reading: Promise<void> | undefined;
  /** The time until which no caller waits again, because an earlier wait timed out. */
  #slowUntil = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: ReplicaOptions) {
    const { url, connections, settings, answerWithinMs = REQUEST_MS } = options;
    const role = 'howdah_authenticator';
    this.#options = options;
    this.pool = createPool({
      ...{ url, role, applicationName: 'howdah-api', max: connections, settings, answerWithinMs },
    });
    this.#watchPool = createPool({
      ...{ url, role, applicationName: 'howdah-watch', max: 2, answerWithinMs: ANSWER_MS },
    });
  }

  start(): void {
    this.#watching = this.#watch();
  }

  get trouble(): ReplicaTrouble | undefined {
    return this.#trouble;
  }

  /**
   * The age of the newest data that the replica shows, in seconds, accurate to about one second;
   * undefined while the replica is away.
   */
  get lag(): number | undefined {
    return this.#trouble === 'away' ? undefined : lagOf(this.#written, this.#replayed);
  }

  hasReached(position: bigint): boolean {
    return this.#replayed >= position;
  }

  /**
   * Returns whether the replica shows everything that was written up to `position`. Waits for that
   * for at most `ms`.
   */
  async reaches(position: bigint, ms: number): Promise<boolean> {
    const end = performance.now() + ms;
    while (this.#replayed < position) {
      const now = performance.now();
      if (this.#trouble !== undefined || now < this.#slowUntil) return false;
      if (now >= end) {
        this.#slowUntil = now + POLL_MS;
        return false;
      }
      this.#reading ??= this.#readPosition()
        .then(() => pause(this.#replayed < position ? ASK_AGAIN_MS : 0))
        .finally(() => {
          this.#reading = undefined;
        });
      await Promise.race([this.#reading, pause(end - now)]).catch(() => this.#become('away'));
    }
    return this.#trouble === undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
    await Promise.all([this.pool.end(), this.#watchPool.end()]);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#become(await this.#check().catch(() => 'away' as const));
      await pause(POLL_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #check(): Promise<ReplicaTrouble | undefined> {
    const { primary, mostLagSeconds = MAX_LAG_SECONDS } = this.#options;
    const before = performance.now();
    const [its, ours] = await Promise.all([readStandby(this.#watchPool), readWriter(primary)]);
    this.#written.push({ at: before, position: positionOf(ours.lsn) ?? 0n });
    if (this.#written.length > REMEMBERED) this.#written.shift();
    this.#setReplayed(its.replayed);
    if (its.system !== ours.system) return 'foreign';
    if (!its.is_standby) return 'promoted';
    return lagOf(this.#written, this.#replayed) > mostLagSeconds ? 'lagging' : undefined;
  }

  #become(trouble: ReplicaTrouble | undefined): void {
    if (trouble === this.#trouble || this.#closing.signal.aborted) return;
    this.#trouble = trouble;
    if (trouble === 'away') breakConnections(this.pool); // waiting callers then use the primary
    this.#options.onChange(trouble);
  }

  async #readPosition(): Promise<void> {
    const { rows } = await this.#watchPool.query<{ replayed: string | null }>(
      'select pg_last_wal_replay_lsn()::text as replayed',
    );
    this.#setReplayed(rows[0]?.replayed ?? null);
  }

  #setReplayed(lsn: string | null): void {
    this.#replayed = positionOf(lsn ?? '') ?? this.#replayed;
  }
}

async function readStandby(pool: Pool): Promise<StandbyState> {
  const { rows } = await pool.query<StandbyState>(
    `select pg_is_in_recovery() as is_standby, pg_last_wal_replay_lsn()::text as replayed,
       c.system_identifier::text as system from pg_control_system() as c`,
  );
  return rows[0] as StandbyState;
}

async function readWriter(pool: Pool): Promise<{ lsn: string; system: string }> {
  const { rows } = await pool.query<{ lsn: string; system: string }>(
    `select pg_current_wal_lsn()::text as lsn, c.system_identifier::text as system
     from pg_control_system() as c`,
  );
  return rows[0] as { lsn: string; system: string };
}

/**
 * Returns the seconds since the writer was at the position of the replica, or zero if that is the
 * last known position of the writer.
 */
function lagOf(written: readonly { at: number; position: bigint }[], replayed: bigint): number {
  const ahead = written.find(({ position }) => position > replayed);
  return ahead ? (performance.now() - ahead.at) / 1000 : 0;
}
