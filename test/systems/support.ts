import type pg from 'pg';
import type { ApplyOptions, Plan } from '../../src/db/access/agent-systems.ts';
import { inTenant } from '../../src/db/connection/pool.ts';
import { applySystems } from '../../src/systems/apply.ts';
import type { Fault } from '../../src/systems/schema/fault.ts';
import { all, makeTenant, one } from '../sql/support.ts';

export type TenantInterfaces = ReturnType<typeof interfacesOf>;

/** Creates a tenant, and returns functions that act in it. */
export async function newTenant(pool: pg.Pool): Promise<TenantInterfaces> {
  return interfacesOf(pool, await makeTenant(pool));
}

function interfacesOf(pool: pg.Pool, tenant: string) {
  const inside = <T>(work: (client: pg.PoolClient) => Promise<T>) => inTenant(pool, tenant, work);
  return {
    tenant,
    inside,
    apply: (text: string | object, options?: ApplyOptions): Promise<Plan> =>
      inside(async (client) => {
        const name = 'system.yaml';
        const file = { name, text: typeof text === 'string' ? text : JSON.stringify(text) };
        return (await applySystems(client, [file], options))[0] as Plan;
      }),
    export: (name: string | null): Promise<Record<string, unknown>> =>
      inside(
        async (client) =>
          (await one(client, 'select howdah.export_agent_system($1) as d', [name])).d,
      ),
    all: (text: string, ...values: unknown[]) => inside((client) => all(client, text, values)),
    one: (text: string, ...values: unknown[]) => inside((client) => one(client, text, values)),
  };
}

/** Returns all changes of a plan as `action kind name`. */
export function changes(plan: Plan): string[] {
  return plan.objects
    .filter(({ action }) => action !== 'unchanged')
    .map(({ action, kind, name }) => `${action} ${kind} ${name}`);
}

/** Returns the faults of a rejected file as `line:column message`. */
export async function faultsOf(
  work: Promise<unknown>,
): Promise<{ code: string; lines: string[]; faults: Fault[] }> {
  try {
    await work;
  } catch (error) {
    const { code, detail } = error as { code: string; detail?: { faults?: Fault[] } };
    if (!detail?.faults) throw error;
    const lines = detail.faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
    return { code, lines, faults: detail.faults };
  }
  throw new Error('this was not refused');
}

/** A complete agent system, as an example. */
export const HELPDESK = `version: v1
name: shop-helpdesk
models:    { fast: { provider: openai, model: gpt-5-mini } }
agents:
  desk:    { mission: "Answer the customer. Delegate figures to analyst.", model: fast, tools: { allow: [todo, ask_user] },
             agents: [analyst], budget: { max_steps: 12, max_tokens: 40000 } }
  analyst: { mission: "Answer with SQL.", model: fast, tools: { allow: [sql_query] }, budget: { max_steps: 6 } }
workflows: { nightly: { type: chain, members: [analyst, desk] } }
orchestrator: desk
`;
