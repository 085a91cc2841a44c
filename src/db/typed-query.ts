import pg from 'pg';
import type { Pool } from './pool.ts';

export type AskAs = {
  /** For a login that may choose one. */
  tenantId?: string;
  /** Instead of the login's own rights, for one that may take others. */
  role?: 'howdah_app' | 'howdah_analyst';
  isReadOnly: boolean;
};

export type Asked = {
  rows: Record<string, unknown>[];
  /** What it was, in a word of Postgres: `SELECT`, `INSERT`. */
  command: string;
};

/**
 * One statement somebody typed, in a transaction of its own. The extended protocol takes no second statement, so none ends
 * the transaction and goes on with the rights of the login.
 */
export async function queryAs(
  pool: Pool,
  text: string,
  { tenantId, role, isReadOnly }: AskAs,
): Promise<Asked> {
  const client = await pool.connect();
  try {
    await client.query(isReadOnly ? 'begin read only' : 'begin');
    if (tenantId !== undefined) {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenantId]);
    }
    if (role !== undefined) await client.query(`set local role ${role}`);
    const getTypeParser: typeof pg.types.getTypeParser = (oid, format) =>
      OF_NO_ZONE.has(oid) ? (text: string) => text : client.getTypeParser(oid, format);
    const typed = {
      ...{ text, queryMode: 'extended', rowMode: 'array' },
      types: { getTypeParser },
    } as const;
    const { rows, fields, command } = await client.query<unknown[]>(typed);
    const names = distinct(fields.map(({ name }) => name));
    await client.query('commit');
    return {
      rows: rows.map((row) => Object.fromEntries(row.map((value, at) => [names[at], value]))),
      command,
    };
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}

/** A day is the same day wherever it is read. */
const OF_NO_ZONE: ReadonlySet<number> = new Set([
  pg.types.builtins.DATE,
  pg.types.builtins.TIMESTAMP,
]);

/** Columns of the same name are told apart by a number. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free); n += 1) free = `${name}_${n}`;
    taken.add(free);
    return free;
  });
}
