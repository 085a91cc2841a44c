import type { CustomTool } from '../../contracts/agents/tool.ts';
import type { Pool } from '../connection/pool.ts';

/**
 * Updates the models named `default` from the environment, except where a person has edited them.
 */
export async function syncDefaultModel(
  pool: Pool,
  model: { provider: string; model: string },
): Promise<void> {
  await pool.query('select howdah_private.sync_default_model($1, $2)', [
    model.provider,
    model.model,
  ]);
}

/**
 * Returns which of these names belong to tools of the default tenant that are not written in code.
 * The rows of those tools are kept.
 */
export async function namesOfOthers(pool: Pool, names: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select t.name from howdah.tools as t join howdah.tenants as n on n.id = t.tenant_id
     where n.slug = 'default' and t.kind <> 'custom' and t.name = any ($1) order by t.name`,
    [names],
  );
  return rows.map(({ name }) => name);
}

/**
 * Writes the tools registered in code as rows of the default tenant, so that agents can use them.
 */
export async function syncCustomTools(pool: Pool, tools: readonly CustomTool[]): Promise<void> {
  const rows = tools.map((tool) => ({
    name: tool.name,
    description: tool.description,
    parameters: tool.parameters,
    effect: tool.effect ?? 'idempotent',
    capabilities: tool.capabilities,
    domain: tool.domain,
  }));
  await pool.query('select howdah_private.sync_custom_tools($1)', [JSON.stringify(rows)]);
}
