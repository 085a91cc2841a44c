import type { Queryable } from '../connection/pool.ts';

/** A kind of rows that people list and look up by name. */
export type NamedKind = keyof typeof KINDS;

type Row = Readonly<Record<string, unknown>>;
/**
 * The SQL of a kind, with select lists over `t`. A list of rows shows `list`. A single row shows
 * `list` and `show`.
 */
type Kind = Readonly<{
  table: string;
  list: string;
  show: string;
  /** The column, or text, that people use as the name. The id is accepted as well. */
  name?: string;
  joins?: string;
  living?: string;
}>;

const TIMES = 't.created_at, t.updated_at';
const MEMBERS = `(
  select coalesce(json_agg(coalesce(a.name, w.name) order by m.sequence_order), '[]')
  from howdah.workflow_agents as m
  left join howdah.agents as a on a.id = m.agent_id
  left join howdah.workflows as w on w.id = m.member_workflow_id
  where m.workflow_id = t.id
) as members`;
const MCP_TOOLS = `(
  select coalesce(json_agg(json_build_object('name', m.name, 'status', m.status) order by m.name), '[]')
  from howdah.mcp_tools as m where m.server_id = t.id
) as tools`;
const RUNS = `coalesce(a.name, w.name) as runs`;

const KINDS = {
  agents: {
    table: 'agents',
    living: 't.deleted_at is null',
    joins: 'left join howdah.agent_versions as v on v.id = t.current_version_id',
    list: `t.id, t.name, v.version, t.is_active, t.description`,
    show: `t.is_default, t.engine,
      jsonb_path_query_array(v.definition, '$.models[*].name') as models,
      jsonb_path_query_array(v.definition, '$.tools[*].name') as tools,
      t.instruction, t.max_steps, t.max_tokens, t.max_cost, t.max_seconds, t.retry_for, ${TIMES}`,
  },
  workflows: {
    table: 'workflows',
    living: 't.deleted_at is null',
    joins: 'left join howdah.workflow_versions as v on v.id = t.current_version_id',
    list: 't.id, t.name, t.type, v.version, t.is_active, t.description',
    show: `${MEMBERS}, t.instruction, t.configuration, t.max_steps, t.max_tokens, t.max_cost, t.max_seconds, ${TIMES}`,
  },
  models: {
    table: 'models',
    list: 't.id, t.name, t.provider, t.model, t.purpose, t.input_price, t.output_price, t.prices_from, t.from_environment',
    show: `t.base_url, t.secret_name, t.domain, t.context_tokens, t.capabilities, t.request_params,
        t.cached_input_price, t.cache_write_price, t.unit_price, t.price_unit, t.fallback_position, (
        select coalesce(json_agg(a.name order by a.name), '[]') from howdah.agents as a
        where a.deleted_at is null
          and exists (select from howdah.agent_models as m where m.agent_id = a.id and m.model_id = t.id)
      ) as agents, ${TIMES}`,
  },
  prompts: {
    table: 'prompts',
    living: 't.deleted_at is null',
    list: 't.id, t.name, t.description',
    show: `t.template, t.variables, ${TIMES}`,
  },
  skills: {
    table: 'skills',
    living: 't.deleted_at is null',
    list: 't.id, t.name, t.is_active, t.description',
    show: `t.content, (
        select coalesce(json_agg(a.name order by a.name), '[]') from howdah.agents as a
        where a.deleted_at is null
          and exists (select from howdah.agent_skills as g where g.agent_id = a.id and g.skill_id = t.id)
      ) as agents, ${TIMES}`,
  },
  tools: {
    table: 'tools',
    list: 't.id, t.name, t.kind, t.effect, t.requires_approval, t.timeout_ms, t.is_active, t.capabilities, t.domain, t.description',
    show: `t.aliases, t.parameters, (
        select coalesce(json_agg(a.name order by a.name), '[]') from howdah.agents as a
        where a.deleted_at is null
          and exists (select from howdah.agent_tools as g where g.agent_id = a.id and g.tool_id = t.id)
      ) as agents, ${TIMES}`,
  },
  mcp_servers: {
    table: 'mcp_servers',
    list: `t.id, t.name, t.type, t.is_active,
      (select count(*)::int from howdah.mcp_tools as m where m.server_id = t.id) as tools, t.discovered_at, t.error`,
    show: `t.description, t.trusts_annotations, t.failed_at, ${MCP_TOOLS}, ${TIMES}`,
  },
  integrations: {
    table: 'integrations',
    list: 't.id, t.name, t.resource_url, t.account_scope, t.grant_type, t.is_active',
    show: `t.description, t.scopes, t.issuer, t.endpoints, t.client_id, t.secret_name, t.sends_resource,
      (select count(*)::int from howdah.connected_accounts as a
        where a.integration_id = t.id and a.status = 'connected') as connected_accounts, ${TIMES}`,
  },
  users: {
    table: 'users',
    name: 'username',
    list: 't.id, t.username, t.email, t.role, t.is_active',
    show: TIMES,
  },
  grants: {
    table: 'grants',
    name: 'id::text',
    joins: `left join howdah.agents as a on a.id = t.agent_id left join howdah.workflows as w on w.id = t.workflow_id
      left join howdah.users as u on u.id = t.user_id`,
    list: 't.id, a.name as agent, w.name as workflow, u.username as user, t.role, t.permission',
    show: TIMES,
  },
  limits: {
    table: 'limits',
    name: 'id::text',
    list: 't.id, t.scope, t.subject_id, t.key, t.metric, t.period, t.max_value, t.is_imposed',
    show: TIMES,
  },
  hooks: {
    table: 'hooks',
    name: 'id::text',
    joins: `left join howdah.agents as a on a.id = t.agent_id left join howdah.workflows as w on w.id = t.workflow_id`,
    list: 't.id, t.event, t.function, a.name as agent, w.name as workflow, t.position, t.is_active',
    show: `t.timeout_ms, ${TIMES}`,
  },
  schedules: {
    table: 'schedules',
    joins: `left join howdah.agents as a on a.id = t.agent_id left join howdah.workflows as w on w.id = t.workflow_id`,
    list: `t.id, t.name, ${RUNS}, t.cron, t.timezone, t.is_active, t.next_at, t.last_at`,
    show: `t.input, t.input_data, t.metadata, t.overlap_policy, t.catchup_policy, t.priority, t.concurrency_key,
      t.last_execution_id, t.last_error, ${TIMES}`,
  },
  inbound_hooks: {
    table: 'inbound_hooks',
    joins: `left join howdah.agents as a on a.id = t.agent_id left join howdah.workflows as w on w.id = t.workflow_id`,
    list: `t.id, t.name, ${RUNS}, t.verification, howdah.inbound_hooks_path(t) as path, t.is_active, t.description`,
    show: `t.secret_name, t.previous_secret_name, t.secret_header, t.condition, t.mapping, t.session_key,
      t.debounce_key, t.debounce_ms, t.reply, ${TIMES}`,
  },
  webhooks: {
    table: 'webhooks',
    name: 'url',
    joins: `left join howdah.agents as a on a.id = t.agent_id left join howdah.workflows as w on w.id = t.workflow_id`,
    list: 't.id, t.url, t.events, t.is_active, t.disabled_because, t.description',
    show: `a.name as agent, w.name as workflow, t.secret_name, ${TIMES}`,
  },
} as const satisfies Record<string, Kind>;

const kindOf = (kind: NamedKind): Kind => KINDS[kind];
const rowsOf = ({ table, joins = '', living = 'true' }: Kind, columns: string) =>
  `select ${columns} from howdah.${table} as t ${joins}
   where t.tenant_id = howdah.current_tenant() and ${living}`;
const nameOf = ({ name = 'name' }: Kind) => `t.${name}`;

/** Reads the rows of a tenant, ordered by name. */
export async function listNamed(client: Queryable, kind: NamedKind): Promise<Row[]> {
  const of = kindOf(kind);
  const { rows } = await client.query(`${rowsOf(of, of.list)} order by ${nameOf(of)}, t.id`);
  return rows;
}

/** Reads only the names of the rows. */
export async function namesOf(client: Queryable, kind: NamedKind): Promise<string[]> {
  const of = kindOf(kind);
  const { rows } = await client.query<{ name: string }>(
    `${rowsOf(of, `${nameOf(of)} as name`)} order by name`,
  );
  return rows.map(({ name }) => name);
}

/** Reads the row with this name or id, with all columns of a single row. */
export async function findNamed(
  client: Queryable,
  kind: NamedKind,
  name: string,
): Promise<(Row & { id: string }) | undefined> {
  const of = kindOf(kind);
  const { rows } = await client.query(
    `${rowsOf(of, `${of.list}, ${of.show}`)} and (${nameOf(of)} = $1 or t.id::text = lower($1))
     order by ${nameOf(of)} = $1 desc, t.id limit 1`,
    [name],
  );
  return rows[0];
}
