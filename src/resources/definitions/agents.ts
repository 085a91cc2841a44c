import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { Condition } from '../../db/queries/row-collection.ts';
import {
  flag,
  id,
  names,
  object,
  optionalBigint,
  optionalInt,
  optionalNumber,
  optionalText,
} from '../fields.ts';
import { type Body, resource } from '../resource.ts';
import { versionedColumns } from './columns.ts';

const engine = z.enum(enumLabels.agent_engine);
const contextPolicy = z.enum(enumLabels.context_policy);

const columns = {
  name: z.string(),
  description: z.string().optional(),
  instruction: z.string().optional(),
  system_prompt: optionalText,
  use_history: z.boolean().optional(),
  human_input: z.boolean().optional(),
  is_active: z.boolean().optional(),
  is_default: z.boolean().optional(),
  user_id: id.nullable().optional(),
  engine: engine.optional(),
  engine_configuration: object.optional(),
  capabilities: names.optional(),
  domain: optionalText,
  output_schema: object.nullable().optional(),
  context_policy: contextPolicy.optional(),
  allow_empty: z.boolean().optional(),
  prompt_id: id.nullable().optional(),
  prompt_values: object.optional(),
  max_steps: optionalInt,
  max_tokens: optionalBigint,
  max_cost: optionalNumber,
  max_seconds: optionalInt,
  retry_for: optionalInt,
  cache_answers_for: optionalInt,
  working_memory: optionalText,
  memory_policy: object.nullable().optional(),
};

/** A model of an agent in the format of other systems. Models with `is_default` come first. */
const modelUse = z.strictObject({
  model: z.string(),
  is_default: z.boolean().optional(),
  request_params: object.optional(),
});
type ModelUse = z.output<typeof modelUse>;

const parts = {
  model: optionalText.describe('The name of the model; `default` when absent'),
  models: z
    .array(z.union([z.string(), modelUse]))
    .optional()
    .describe('The model and its fallback models, in order'),
  request_params: object.optional().describe('Parameters of requests to the first model'),
  tools: names.optional().describe('Names of tools'),
  servers: names.optional().describe('Names of MCP servers'),
  skills: names.optional().describe('Names of skills, in their order'),
  knowledge_bases: names.optional().describe('Names of knowledge bases to search'),
};

/**
 * Returns a SQL expression for the names of the models, tools, servers or skills of an agent, in
 * order.
 */
const namesOf = (table: string, of: string, key: string, order: string) =>
  `array(select y.name from howdah.${table} as x join howdah.${of} as y on y.id = x.${key}
    where x.agent_id = t.id ${order})`;
const models = namesOf(
  'agent_models',
  'models',
  'model_id',
  `and x.purpose = 'llm' order by x.position`,
);

/** The parts as they are shown. */
const shownParts = {
  agent_id: { sql: 't.id', schema: id.describe('The same as id') },
  active: { sql: 't.is_active', schema: z.boolean().describe('The same as is_active') },
  version: {
    sql: '(select v.version from howdah.agent_versions as v where v.id = t.current_version_id)',
    schema: z.int().nullable(),
  },
  model: { sql: `(${models})[1]`, schema: z.string().nullable() },
  models: { sql: models, schema: names },
  request_params: {
    sql: `coalesce((select x.request_params from howdah.agent_models as x
      where x.agent_id = t.id and x.purpose = 'llm' order by x.position limit 1), '{}')`,
    schema: object,
  },
  tools: {
    sql: namesOf('agent_tools', 'tools', 'tool_id', 'order by y.name'),
    schema: names,
  },
  servers: {
    sql: namesOf('agent_servers', 'mcp_servers', 'server_id', 'order by y.name'),
    schema: names,
  },
  skills: {
    sql: namesOf('agent_skills', 'skills', 'skill_id', 'order by x.position, y.name'),
    schema: names,
  },
  knowledge_bases: {
    sql: namesOf(
      'agent_knowledge_bases',
      'knowledge_bases',
      'knowledge_base_id',
      'order by y.name',
    ),
    schema: names,
  },
};

/** Returns the conditions of a query. */
function conditionsOf({ name, is_active, domain, capability, agent_system_id }: Body): Condition[] {
  const conditions: [sql: string, value: unknown][] = [
    ['t.name = ?', name],
    ['t.is_active = ?', is_active],
    ['t.domain = ?', domain],
    ['? = any (t.capabilities)', capability],
    ['t.agent_system_id = ?', agent_system_id],
  ];
  return conditions.filter(([, value]) => value !== undefined);
}

/** Agents, whose models, tools, servers and skills are given by name. */
export const agents = resource('agents', {
  path: '/api/agents',
  one: 'agent',
  living: 't.deleted_at is null',
  command: {
    noun: 'agents',
    list: ['id', 'name', 'version', 'is_active', 'description', 'model'],
    empty: 'No agents.',
  },
  columns,
  parts,
  readOnly: versionedColumns,
  computed: shownParts,
  aliases: { agent_id: 'id' },
  shownAliases: ['active'],
  examples: {
    create: { name: 'greeter', instruction: 'Greet the customer.' },
    change: { max_cost: 0.5 },
  },
  filters: {
    name: z.string().optional(),
    is_active: flag.optional(),
    domain: z.string().optional(),
    capability: z.string().optional(),
    agent_system_id: id.optional(),
  },
  conditions: conditionsOf,
  async writeParts(db, agentId, body, { isWhole }) {
    const { model, models, request_params, tools, servers, skills, knowledge_bases } = body;
    if (isWhole || model !== undefined || models !== undefined) {
      await setModels(db, agentId, { model, models, request_params, isWhole });
    } else if (request_params !== undefined) {
      const params = JSON.stringify(request_params);
      await db.query('select howdah_private.set_request_params($1, $2)', [agentId, params]);
    }
    if (isWhole || tools !== undefined) {
      await db.query('select howdah_private.set_agent_tools($1, $2)', [agentId, tools ?? []]);
    }
    if (isWhole || servers !== undefined) {
      await db.query('select howdah_private.set_agent_servers($1, $2)', [agentId, servers ?? []]);
    }
    if (isWhole || skills !== undefined) {
      await db.query('select howdah_private.set_agent_skills($1, $2)', [agentId, skills ?? []]);
    }
    if (isWhole || knowledge_bases !== undefined) {
      const bases = knowledge_bases ?? [];
      await db.query('select howdah_private.set_agent_knowledge_bases($1, $2)', [agentId, bases]);
    }
  },
  async remove(db, agentId) {
    await db.query('select (howdah.delete_agent($1)).id', [agentId]);
  },
});

type Models = { model?: unknown; models?: unknown; request_params?: unknown; isWhole: boolean };

/**
 * Sets the models of an agent. In a PATCH, `model` without `models` replaces the first model and
 * leaves the models behind it.
 */
async function setModels(
  db: Queryable,
  agentId: string,
  { model, models, request_params, isWhole }: Models,
) {
  const uses = ((models ?? []) as (string | ModelUse)[]).map(
    (one): ModelUse => (typeof one === 'string' ? { model: one } : one),
  );
  const sorted = uses.toSorted(
    (a, b) => Number(b.is_default ?? false) - Number(a.is_default ?? false),
  );
  const named = sorted.map((one) => one.model);
  const all = models !== undefined || isWhole ? named : await fallbackModelsOf(db, agentId);
  const first = model === undefined ? all[0] : ((model as string | null) ?? undefined);
  const rest = all.filter((name) => name !== first);
  const order = first === undefined ? rest : [first, ...rest];
  const params = request_params ?? sorted.find((one) => one.model === first)?.request_params;
  const isDefaultMeant = order.length === 0 && params !== undefined;
  await db.query(`select howdah_private.set_agent_models($1, 'llm', $2, $3)`, [
    agentId,
    isDefaultMeant && Object.keys(params as object).length > 0 ? ['default'] : order,
    params === undefined ? null : JSON.stringify(params),
  ]);
}

async function fallbackModelsOf(db: Queryable, agentId: string): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select m.name from howdah.agent_models as x join howdah.models as m on m.id = x.model_id
     where x.agent_id = $1 and x.purpose = 'llm' and x.position > 1 order by x.position`,
    [agentId],
  );
  return rows.map(({ name }) => name);
}
