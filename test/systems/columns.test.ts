import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/json/json.ts';
import { testDatabase } from '../support/database.ts';
import { newTenant } from './support.ts';

// Checks that an export contains every column that users may write. The columns are read from the
// catalogue. A new column therefore needs either a place in files or an entry in the list below.

const database = testDatabase();

/** Columns that files cannot express, with the reason. */
const NOT_IN_FILES: Record<string, string> = {
  'agents.deleted_at': 'who is deleted stands in no file; --prune deletes',
  'agents.memory_policy': 'names an agent by id, and applies to people of one tenant',
  'agents.user_id': 'users are no part of a system: who has it is said where it is',
  'agents.working_memory': 'what an agent knows where it works, as its memories',
  'prompts.deleted_at': 'as of agents',
  'skills.deleted_at': 'as of agents',
};

/**
 * A system of objects with only the required fields. In FULL, every column that files can express
 * differs from these rows.
 */
const LEAST = {
  version: 'v1',
  name: 'columns',
  models: { least: { provider: 'local', model: 'extractive' } },
  tools: { least: { kind: 'custom' } },
  mcp_servers: { least: { type: 'http', url: 'https://mcp.example.org/' } },
  prompts: { least: { template: 'Do.' } },
  skills: { least: { description: 'Any.', content: 'Any.' } },
  agents: { least: {} },
  workflows: { least: { type: 'chain', members: [] } },
};
const budget = { max_steps: 3, max_tokens: 300, max_cost: 0.5, max_seconds: 30 };
const FULL: JsonObject = {
  version: 'v1',
  name: 'columns',
  models: {
    full: {
      provider: 'openai',
      model: 'x',
      purpose: 'embedding',
      domain: 'text',
      base_url: 'https://models.example.org/v1',
      secret_name: 'columns',
      capabilities: { images: true },
      input_price: 0.25,
      output_price: 1,
      cached_input_price: 0.025,
      cache_write_price: 0.3125,
      unit_price: 0.006,
      price_unit: 'minute',
      context_tokens: 9000,
      request_params: { voice: 'alloy' },
      fallback_position: 2,
    },
    quick: { provider: 'openai', model: 'y' },
  },
  tools: {
    full: {
      kind: 'agent',
      agent: 'least',
      aliases: ['filled'],
      description: 'Does it.',
      capabilities: ['doing'],
      domain: 'work',
      effect: 'once',
      requires_approval: true,
      timeout_ms: 9000,
      compensation: 'least',
      is_active: false,
      parameters: { type: 'object', properties: { q: { type: 'string' } } },
      configuration: { mission_override: 'Be short.' },
    },
    flow: { kind: 'workflow', workflow: 'least', description: 'Does it together.' },
    cached: { kind: 'custom', effect: 'pure', cache_answers_for: 3600 },
    least: { kind: 'custom' },
  },
  mcp_servers: {
    full: {
      type: 'stdio',
      command: 'search',
      args: ['--all'],
      env: { LEVEL: 'debug' },
      cwd: '/srv',
      secrets: { SEARCH_TOKEN: 'columns' },
      description: 'Finds.',
      trusts_annotations: true,
      is_active: false,
      roots: [{ uri: 'file:///srv', name: 'all' }],
      sampling_model: 'quick',
      allows_elicitation: true,
    },
  },
  prompts: {
    full: {
      template: 'Serve {{who}}.',
      description: 'For whom.',
      variables: { who: { type: 'string' } },
    },
  },
  skills: { full: { description: 'Now.', content: 'Much.', is_active: false } },
  agents: {
    full: {
      mission: 'Do.',
      system_prompt: 'Be kind.',
      prompt: 'full',
      prompt_values: { who: 'Ada' },
      skills: ['full'],
      servers: { full: { allowed_tools: ['find'] } },
      description: 'Does.',
      models: [{ model: 'full', purpose: 'embedding', request_params: { seed: 1 } }],
      tools: {
        allow: ['least'],
        configuration: { least: { n: 1 } },
        requires_approval: { least: true },
      },
      budget,
      use_history: false,
      engine: 'custom',
      engine_configuration: { function: 'answer' },
      human_input: true,
      context_policy: 'summarize',
      allow_empty: true,
      retry_for: 60,
      cache_answers_for: 3600,
      capabilities: ['doing'],
      domain: 'work',
      output_schema: { type: 'object' },
      is_active: false,
      is_default: true,
    },
    least: {},
  },
  workflows: {
    full: {
      type: 'router',
      description: 'Chooses.',
      instruction: 'Choose well.',
      members: [
        { agent: 'least', role: 'doer', configuration: { weight: 2 } },
        { workflow: 'least' },
        { question: { prompt: 'Well?' } },
      ],
      method: 'lexical',
      budget,
      is_active: false,
    },
    least: { type: 'chain', members: [] },
  },
};

/** Key columns of parts. Files express them by the place of the part. */
const PLACES: Record<string, string[]> = {
  agent_models: ['agent_id', 'model_id', 'position'],
  agent_tools: ['agent_id', 'tool_id'],
  agent_skills: ['agent_id', 'skill_id', 'position'],
  agent_servers: ['agent_id', 'server_id'],
  workflow_agents: ['workflow_id', 'sequence_order'],
};
/** Defaults other than null of columns of parts that a file does not mention. */
const UNSAID: Record<string, unknown> = {
  'agent_models.purpose': 'llm',
  'agent_models.request_params': {},
  'agent_tools.configuration': {},
  'workflow_agents.configuration': {},
};
const OBJECTS = ['models', 'tools', 'mcp_servers', 'prompts', 'skills', 'agents', 'workflows'];

test('every writable column has a place in files, or a reason for its absence', async () => {
  const tenant = await newTenant(database.pool);
  await tenant.all(
    `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'columns', '')`,
    tenant.tenant,
  );
  await tenant.apply(LEAST);
  const rowsOf = async (table: string) => {
    const text = `select to_jsonb(t) as row from howdah.${table} as t where t.tenant_id = $1`;
    return (await tenant.all(text, tenant.tenant)).map(({ row }) => row as JsonObject);
  };
  const least = new Map<string, JsonObject>();
  for (const table of OBJECTS) {
    const row = (await rowsOf(table)).find(({ name }) => name === 'least');
    least.set(table, row as JsonObject);
  }
  await tenant.apply(FULL, { prune: true });
  expect(await tenant.export('columns')).toEqual(FULL);
  const unsaid: string[] = [];
  for (const table of [...OBJECTS, ...Object.keys(PLACES)]) {
    const columns = await tenant.all(
      `select a.attname as name from pg_attribute as a
       where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
         and (has_column_privilege('howdah_app', a.attrelid, a.attnum, 'insert')
           or has_column_privilege('howdah_app', a.attrelid, a.attnum, 'update'))`,
      `howdah.${table}`,
    );
    expect(columns.length, table).toBeGreaterThan(2);
    const own = (await rowsOf(table)).filter(
      ({ name }) => PLACES[table] || ['full', 'flow', 'cached'].includes(String(name)),
    );
    for (const { name } of columns) {
      const before = JSON.stringify(least.get(table)?.[name] ?? UNSAID[`${table}.${name}`] ?? null);
      const isSaid =
        PLACES[table]?.includes(name) || own.some((row) => JSON.stringify(row[name]) !== before);
      if (!isSaid) unsaid.push(`${table}.${name}`);
    }
  }
  expect(unsaid.toSorted()).toEqual(Object.keys(NOT_IN_FILES));
});
