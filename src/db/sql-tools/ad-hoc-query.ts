import { once } from 'node:events';
import pg from 'pg';
import { type DecryptRows, readsContents, visibleTextsOn } from '../connection/decrypt-results.ts';
import type { Pool, PoolClient } from '../connection/pool.ts';

export type AdHocQueryOptions = {
  /** The tenant, for a login that may choose a tenant. */
  tenantId?: string;
  /** A role that replaces the rights of the login, for a login that may take this role. */
  role?: 'howdah_app' | 'howdah_analyst';
  isReadOnly: boolean;
  /** The maximum number of rows that are returned. Further rows are only counted. */
  mostRows?: number | undefined;
  /**
   * The time limit after which the server ends the statement. By default, the limit of the login
   * applies.
   */
  seconds?: number | undefined;
  /** Decrypts contents of the runs that the transaction may see. */
  decrypt?: DecryptRows;
};

export type AdHocQuery = {
  rows: Record<string, unknown>[];
  /** The number of all rows, including rows that are not returned. */
  count: number;
  /** The kind of statement in the word of Postgres, such as `SELECT` or `INSERT`. */
  command: string;
};

/**
 * Runs one statement that a person typed, in a transaction of its own. The extended protocol
 * accepts no second statement. No statement can therefore end the transaction and continue with the
 * rights of the login.
 */
export async function adHocQuery(
  pool: Pool,
  text: string,
  { tenantId, role, isReadOnly, mostRows, seconds, decrypt }: AdHocQueryOptions,
): Promise<AdHocQuery> {
  const client = await pool.connect();
  try {
    await client.query(isReadOnly ? 'begin read only' : 'begin');
    if (tenantId !== undefined) {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenantId]);
    }
    if (role !== undefined) await client.query(`set local role ${role}`);
    if (seconds !== undefined) {
      await client.query(`select set_config('statement_timeout', $1, true)`, [`${seconds}s`]);
    }
    const { rows, count, fields, command } = await ask(client, text, mostRows);
    const isDecrypted = decrypt !== undefined && readsContents(text);
    const shown = isDecrypted ? await decrypt(rows, visibleTextsOn(client)) : rows;
    const names = distinct(fields.map(({ name }) => name));
    await client.query('commit');
    return {
      rows: shown.map((row) => Object.fromEntries(row.map((value, at) => [names[at], value]))),
      count,
      command,
    };
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}

/** Runs the statement, and holds no more than `most` of its rows in memory. */
async function ask(client: PoolClient, text: string, most = Number.POSITIVE_INFINITY) {
  const getTypeParser: typeof pg.types.getTypeParser = (oid, format) =>
    OF_NO_ZONE.has(oid) ? (text: string) => text : client.getTypeParser(oid, format);
  const rows: unknown[][] = [];
  let count = 0;
  const typed = {
    text,
    queryMode: 'extended',
    rowMode: 'array',
    types: { getTypeParser },
  } as const;
  const query = client.query(new pg.Query<unknown[][]>(typed));
  query.on('row', (row) => {
    count += 1;
    if (count <= most) rows.push(row as unknown as unknown[]);
  });
  const [result] = await once(query, 'end');
  const { fields, command }: pg.QueryResult = result;
  return { rows, count, fields, command };
}

/** Types without a time zone, whose values stay text. A day is the same day wherever it is read. */
const OF_NO_ZONE: ReadonlySet<number> = new Set([
  pg.types.builtins.DATE,
  pg.types.builtins.TIMESTAMP,
]);

/** Adds a number to names that occur before, so that all names are distinct. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free); n += 1) free = `${name}_${n}`;
    taken.add(free);
    return free;
  });
}
