import type { Json } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { FilteredValue, FilterPlace } from '../access/output-filters.ts';
import { inTransaction, type Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

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
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(`set local statement_timeout = ${TIMEOUT_MS}`);
      const { rows } = await client.query(text, [execution_id, ...about, storableJson(value)]);
      return rows[0];
    });
  } catch (error) {
    if (!UNSEEN.test(faultOf(error).code)) {
      throw error;
    }
    const hits = [{ filter: 'time_limit', action: 'block' }] as const;
    return { value: null, hits: [...hits], place: typeof outlet === 'string' ? outlet : null };
  }
}
