import type { CallRules } from '../../contracts/runs/action.ts';
import type { Pool } from '../connection/pool.ts';

/** The rules for the next calls of a run, as of the definitions of its tenant at this stamp. */
export type StampedRules = {
  rules: CallRules;
  stamp: number;
  /** True if the rules apply to every root run of the same version and user. */
  is_shared: boolean;
};

/** Returns the current rules for the next calls of these runs. */
export async function callRules(
  pool: Pool,
  ids: readonly string[],
): Promise<(StampedRules | undefined)[]> {
  const { rows } = await pool.query({
    name: 'call_rules',
    text: `select execution_id, approved, asked, withdrawn, decided, approved_for, stamp, is_shared
      from howdah_private.call_rules_of($1)`,
    values: [ids],
  });
  const rulesOf = new Map<string, StampedRules>(
    rows.map(({ execution_id, stamp, is_shared, ...rules }) => [
      execution_id,
      { rules, stamp: Number(stamp), is_shared },
    ]),
  );
  return ids.map((id) => rulesOf.get(id));
}
