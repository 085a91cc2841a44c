import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../connection/pool.ts';

/** A rule for the calls of a run that has read content with less trust than `min_trust`. */
export type ToolPolicy = {
  agent: string | null;
  tool: string | null;
  kind: string | null;
  effect: string | null;
  min_trust: string;
  decision: EnumLabel<'policy_decision'>;
};

/** Consistent sets of policies that `howdah.use_tool_policies` knows. */
export const PRESETS = ['strict', 'none'] as const;

/** Lists the policies of the tenant that the connection acts for, the most specific first. */
export async function listPolicies(client: Queryable): Promise<ToolPolicy[]> {
  const { rows } = await client.query(
    `select a.name as agent, t.name as tool, p.kind, p.effect, p.min_trust, p.decision
     from howdah.tool_policies as p
     left join howdah.agents as a on a.id = p.agent_id and a.tenant_id = p.tenant_id
     left join howdah.tools as t on t.id = p.tool_id and t.tenant_id = p.tenant_id
     where p.tenant_id = howdah.current_tenant()
     order by p.tool_id is null, p.agent_id is null, p.kind is null, p.effect is null, p.id`,
  );
  return rows;
}

export async function usePolicies(client: Queryable, preset: string): Promise<void> {
  await client.query('select from howdah.use_tool_policies($1)', [preset]);
}
