import type { Json } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { FilteredValue, FilterPlace } from '../access/output-filters.ts';
import { inTransaction, type Pool } from '../connection/pool.ts';
import { faultOf, isAnswerTimeout } from '../connection/sqlstate.ts';

/**
 * The place through which a value is about to leave a run, or the tool whose arguments the value
 * is. The database knows the place of a tool.
 */
export type FilterTarget = FilterPlace | { kind: string; name: string };

/** The maximum time to scan a text. A text that takes longer is blocked. */
const TIMEOUT_MS = 2_000;

/**
 * The error codes of a value that could not be scanned because the scan was cancelled or the value
 * is too deep or too large. Such a value is blocked.
 */
const UNSEEN = /^(57014|54)/;

/** Sets the time for a scan, and returns the process of the server that does it. */
const LIMIT_TIME = `select set_config('statement_timeout', '${TIMEOUT_MS}', true), pg_backend_pid() as pid`;

/**
 * Returns a value as the filters of its tenant leave it. A value that cannot be scanned within two
 * seconds is blocked.
 */
export async function applyOutputFilters(
  pool: Pool,
  execution_id: string,
  outlet: FilterTarget,
  value: Json,
): Promise<FilteredValue> {
  const [text, ...about] =
    typeof outlet === 'string'
      ? [
          'select value, hits, $2::howdah.filter_place as place from howdah_private.filter_value($1, $2::howdah.filter_place, $3)',
          outlet,
        ]
      : [
          'select value, hits, place from howdah_private.filter_arguments($1, $2, $3, $4)',
          outlet.kind,
          outlet.name,
        ];
  let pid = 0;
  try {
    return await inTransaction(pool, async (client) => {
      pid = (await client.query<{ pid: number }>(LIMIT_TIME)).rows[0]?.pid ?? 0;
      const { rows } = await client.query(text, [execution_id, ...about, storableJson(value)]);
      return rows[0];
    });
  } catch (error) {
    const isUnseen = UNSEEN.test(faultOf(error).code);
    if (!isUnseen && !(isAnswerTimeout(error) && (await isAtWork(pool, pid)))) {
      throw error;
    }
    const hits = [{ filter: 'time_limit', action: 'block' }] as const;
    return { value: null, hits: [...hits], place: typeof outlet === 'string' ? outlet : null };
  }
}

/**
 * Returns whether a process of the server goes on although its time was over, its statement was
 * cancelled and its connection was closed. Its value must not be sent again: each attempt would
 * keep one more process busy. A server that was away has no such process.
 */
async function isAtWork(pool: Pool, pid: number): Promise<boolean> {
  const { rows } = await pool.query('select from pg_stat_activity where pid = $1', [pid]);
  return rows.length > 0;
}
