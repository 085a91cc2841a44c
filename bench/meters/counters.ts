import type pg from 'pg';

export type Counters = { commits: number; wal: number };

/** Reads the commits of this database so far, and the bytes of WAL of the whole server. */
export async function readCounters(connection: pg.Pool | pg.Client): Promise<Counters> {
  await connection.query('select pg_stat_force_next_flush()').catch(() => {}); // from PostgreSQL 15 on
  const { rows } = await connection.query(
    `select xact_commit::float8 as commits, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal
     from pg_stat_database where datname = current_database()`,
  );
  return rows[0];
}
