import type { Queryable } from '../connection/pool.ts';

/** Consistent sets of policies that `howdah.use_tool_policies` knows. */
export const PRESETS = ['strict', 'none'] as const;

/** Applies a set of policies to the tenant that the connection acts for. */
export async function usePolicies(client: Queryable, preset: string): Promise<void> {
  await client.query('select from howdah.use_tool_policies($1)', [preset]);
}
