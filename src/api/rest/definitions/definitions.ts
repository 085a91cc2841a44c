import { z } from 'zod';
import { MODEL_PURPOSES } from '../../../contracts/agents/model.ts';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { refuseBoth } from '../../errors/request-refusal.ts';
import { columnList } from '../../http/column-list.ts';
import {
  flag,
  id,
  names,
  object,
  optionalInt,
  optionalNumber,
  optionalText,
  time,
} from '../../http/fields.ts';
import type { CrudResource } from '../framework/crud-resource.ts';
import { equalTo } from '../framework/pagination.ts';
import { subjectByName, withSubjectIds } from './subject-names.ts';

type Columns = z.ZodRawShape;
type ComputedField = { sql: string; schema: z.ZodType };

/** Creates a kind of rows whose fields are columns. The columns are shown as they are written. */
export function createResource(
  kind: Pick<
    CrudResource,
    | 'path'
    | 'one'
    | 'fieldAliases'
    | 'creationAliases'
    | 'valuesOf'
    | 'remove'
    | 'fixed'
    | 'shownOnce'
  > & {
    table: string;
    /** The name of the schema in the OpenAPI description. */
    name: string;
    columns: Columns;
    /** Columns that are only shown. */
    readOnly: Columns;
    /** Fields that are only shown, each with its expression of SQL over the row `t`. */
    computed?: Readonly<Record<string, ComputedField>>;
    /** Fields that are written into columns by `valuesOf`. */
    more?: Columns;
    living?: string;
    stamp?: string;
    /** Columns that lists can filter by. */
    filters: Columns;
  },
): CrudResource {
  const { table, name, columns, readOnly, computed = {}, more = {}, living, ...rest } = kind;
  const { filters, ...others } = rest;
  const shown = { id, ...z.object(columns).required().shape, ...readOnly };
  const expressions = Object.entries(computed).map(([one, { sql }]) => `, ${sql} as ${one}`);
  const schemas = Object.fromEntries(
    Object.entries(computed).map(([one, { schema }]) => [one, schema]),
  );
  return {
    ...others,
    collection: {
      table,
      shown: `${columnList(shown)}${expressions.join('')}`,
      ...(kind.stamp !== undefined && { stamp: kind.stamp }),
      ...(living !== undefined && { living }),
    },
    row: z.object({ ...shown, ...schemas }).meta({ id: name }),
    fields: z.strictObject({ ...columns, ...more }),
    columns: [...Object.keys(columns), ...(more.base64 ? ['bytes'] : [])],
    filters: { query: filters, conditions: equalTo },
  };
}

/** The read-only columns of agents and workflows, whose versions are immutable. */
export const versionedColumns = {
  is_restricted: z.boolean(),
  agent_system_id: id.nullable(),
  current_version_id: id.nullable(),
  created_at: time,
  updated_at: time,
};

const times = { created_at: time, updated_at: time };
const owner = { agent_system_id: id.nullable() };
const byName = { name: z.string().optional() };
const PRICES = ['input_price', 'output_price'];
const effect = z.enum(enumLabels.tool_effect);
const purpose = z.enum(MODEL_PURPOSES);

export const models = createResource({
  path: '/api/models',
  one: 'model',
  table: 'models',
  name: 'Model',
  columns: {
    name: z.string(),
    provider: z
      .string()
      .optional()
      .describe('The vendor that has the model by default; else openai'),
    model: z.string().optional().describe("The provider's id of the model; name by default"),
    purpose: purpose.optional(),
    domain: optionalText,
    base_url: optionalText,
    secret_name: optionalText.describe('The secret that holds the API key; see docs/secrets.md'),
    capabilities: object.optional(),
    input_price: optionalNumber.describe('Price per million tokens'),
    output_price: optionalNumber.describe('Price per million tokens'),
    cached_input_price: optionalNumber.describe('Price per million tokens of a prompt cache'),
    cache_write_price: optionalNumber.describe('Price per million tokens written to it'),
    unit_price: optionalNumber.describe('Price of one unit of price_unit'),
    price_unit: z.enum(['minute', 'character', 'image', 'request']).nullable().optional(),
    context_tokens: optionalInt,
    request_params: object.optional().describe('Parameters of each request to the model'),
    fallback_position: optionalInt.describe(
      'Position in the list of fallbacks of agents that have no model; 1 is tried first',
    ),
  },
  more: {
    cost_per_1k_tokens: z
      .number()
      .optional()
      .describe('Both prices in one object, as in other systems'),
  },
  readOnly: {
    prices_from: z.string().nullable().describe('Source of the prices; null if somebody set them'),
    from_environment: z.boolean().describe('True while the row follows the environment'),
    ...owner,
    ...times,
  },
  computed: {
    warnings: {
      sql: 'howdah.models_warnings(t)',
      schema: names.describe('Reasons why calls of the model may fail'),
    },
  },
  filters: { ...byName, provider: z.string().optional(), purpose: purpose.optional() },
  fieldAliases: { model_id: 'id', api_url: 'base_url' },
  valuesOf: ({ cost_per_1k_tokens: cost, ...body }) => {
    if (typeof cost !== 'number') return body;
    refuseBoth({ cost_per_1k_tokens: cost, ...body }, 'cost_per_1k_tokens', PRICES);
    const price = Number((cost * 1000).toPrecision(15));
    return { input_price: price, output_price: price, ...body };
  },
});

export const prompts = createResource({
  path: '/api/prompts',
  one: 'prompt',
  table: 'prompts',
  name: 'Prompt',
  living: 't.deleted_at is null',
  columns: {
    name: z.string(),
    description: z.string().optional(),
    template: z.string().describe('The text of the prompt, with {{variables}}'),
    variables: object.optional().describe('A JSON Schema for each variable'),
  },
  readOnly: { ...owner, ...times },
  filters: byName,
  fieldAliases: { prompt_id: 'id' },
  async remove(db, promptId) {
    await db.query('select (howdah.delete_prompt($1)).id', [promptId]);
  },
});

/** Skills: texts that an agent reads on demand. */
export const skills = createResource({
  path: '/api/skills',
  one: 'skill',
  table: 'skills',
  name: 'Skill',
  living: 't.deleted_at is null',
  columns: {
    name: z.string().describe('The name: at most 64 letters, digits, _ and -'),
    description: z.string().describe('One line, by which an agent chooses the skill'),
    content: z.string().describe('The text that the agent reads'),
    is_active: z.boolean().optional(),
  },
  readOnly: { agent_system_id: id.nullable(), created_at: time, updated_at: time },
  filters: { name: z.string().optional(), is_active: flag.optional() },
  fieldAliases: { skill_id: 'id' },
  async remove(db, skillId) {
    await db.query('select (howdah.delete_skill($1)).id', [skillId]);
  },
});

const kind = z.enum(enumLabels.tool_kind);

export const tools = createResource({
  path: '/api/tools',
  one: 'tool',
  table: 'tools',
  name: 'Tool',
  columns: {
    name: z.string().describe('The name: at most 64 letters, digits, _ and -'),
    kind,
    aliases: names.optional(),
    description: z.string().optional(),
    capabilities: names.optional().describe('What the tool can do, in short words'),
    domain: optionalText.describe('The subject of the tool'),
    parameters: object.optional().describe('A JSON Schema of an object'),
    configuration: object.optional(),
    effect: effect.optional(),
    requires_approval: z.boolean().optional(),
    timeout_ms: z.int32().optional(),
    compensation_tool_id: id.nullable().optional(),
    agent_id: id.nullable().optional().describe('The agent that a tool of kind agent calls'),
    workflow_id: id.nullable().optional(),
    is_active: z.boolean().optional(),
  },
  more: subjectByName,
  valuesOf: withSubjectIds,
  fixed: ['kind'],
  readOnly: { server_id: id.nullable(), ...owner, ...times },
  filters: { ...byName, kind: kind.optional(), is_active: flag.optional() },
  fieldAliases: { tool_id: 'id' },
});

export const mcpServers = createResource({
  path: '/api/mcp-servers',
  one: 'MCP server',
  table: 'mcp_servers',
  name: 'McpServer',
  columns: {
    name: z.string().describe('The name: at most 32 letters, digits, _ and -'),
    description: z.string().optional(),
    type: z
      .enum(['stdio', 'http', 'filesystem', 'fetch'])
      .describe('filesystem and fetch are commands that use stdio'),
    configuration: object.describe('{url, headers} or {command, args, env}; see docs/mcp.md'),
    trusts_annotations: z.boolean().optional(),
    is_active: z.boolean().optional(),
  },
  readOnly: {
    server_info: object.nullable(),
    discovered_at: time.nullable(),
    error: z.string().nullable(),
    failed_at: time.nullable(),
    ...owner,
    ...times,
  },
  // The stamp omits what workers discover in the meantime, so that a client that has just created a
  // server can change it.
  stamp: 'row(t.name, t.description, t.type, t.configuration, t.trusts_annotations, t.is_active)',
  filters: { ...byName, is_active: flag.optional() },
  fieldAliases: { server_id: 'id' },
  async valuesOf(body, db) {
    const { type, configuration } = body as { type?: string; configuration?: object };
    if (type !== 'filesystem' && type !== 'fetch') return body;
    const { rows } = await db.query<{ entry: { type: string } }>(
      'select howdah_private.without_preset($1) as entry',
      [JSON.stringify({ args: [], ...configuration, type })],
    );
    const { type: known, ...written } = rows[0]?.entry ?? { type };
    return { ...body, type: known, configuration: written };
  },
});
