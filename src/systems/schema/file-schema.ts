import { z } from 'zod';
import { MODEL_PURPOSES } from '../../contracts/agents/model.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { JsonObject } from '../../json/json.ts';
import { jsonRecord } from '../../json/json-record.ts';
import { agentServers, mcpServer, mcpServerName } from './mcp-server-schema.ts';
import { workflowEntries } from './workflow-schema.ts';

const text = z.string().max(1_000_000);
const name = z.string().min(1).max(200);
const toolName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a tool has a name of letters, digits, _ and -');
const object = jsonRecord(z.unknown());
const int = () => z.int().min(1).max(2_147_483_647);

/** The limits of a run. For a sub-agent, they limit only its own run. */
export const budget = z
  .strictObject({
    max_steps: int()
      .optional()
      .describe('Maximum number of model answers of a run; 50 by default.'),
    max_tokens: z.int().min(1).optional().describe('Maximum tokens of a run and its child runs.'),
    max_cost: z
      .number()
      .positive()
      .optional()
      .describe('Maximum cost of a run and its child runs.'),
    max_seconds: int().optional().describe('Maximum active seconds of a run; 600 by default.'),
  })
  .describe('Limits of each run.');

/** The differences between a run below another run and a run of the agent itself. */
export const subRun = z.looseObject({
  mission_override: z.string().min(1).optional().describe('Replaces its own mission.'),
  allowed_tools: z
    .array(z.string().min(1))
    .optional()
    .describe('The allowed tools; all of its tools by default.'),
  budget: budget.optional(),
  ephemeral: z.boolean().optional(),
  handoff: z.boolean().optional().describe('Hands the conversation over to this agent.'),
  suppress_markdown: z.boolean().optional().describe('Whether the answer must be plain text.'),
  weight: z.number().positive().optional().describe('For a member that votes.'),
});

const purpose = z.enum(MODEL_PURPOSES);
const price = z.number().min(0).optional();
const model = z.strictObject({
  provider: name.describe('openai (also for compatible servers), local or scripted.'),
  model: z.string().min(1).max(500).describe("The provider's id of the model."),
  purpose: purpose.optional(),
  domain: name.optional(),
  base_url: z.string().max(2000).optional().describe('An OpenAI-compatible endpoint.'),
  secret_name: name
    .optional()
    .describe('The secret that holds the key: howdah admin secret set NAME.'),
  capabilities: object.optional(),
  input_price: price.describe('Price of a million input tokens.'),
  output_price: price.describe('Price of a million output tokens.'),
  cached_input_price: price.describe('Price of a million input tokens read from a prompt cache.'),
  cache_write_price: price.describe('Price of a million input tokens written to a prompt cache.'),
  unit_price: price.describe('Price of one unit of price_unit.'),
  price_unit: z.enum(['minute', 'character', 'image', 'request']).optional(),
  context_tokens: int().optional(),
  request_params: object.optional().describe('Parameters of each request to the model.'),
  fallback_position: int()
    .optional()
    .describe('Position in the list of fallbacks of agents that name no model; 1 is tried first.'),
});

const databaseFunction = z.strictObject({
  definition: z
    .string()
    .min(1)
    .max(262_144)
    .describe(
      'create function …, in the schema called as the system; owners of the database only.',
    ),
  comment: text.optional().describe('The description of the tool for models.'),
});
const functionName = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'a function has a name of lower-case letters, digits and _');

const toolFields = {
  aliases: z
    .array(toolName)
    .optional()
    .describe('Other names that the tool may be allowed and called by.'),
  description: text.optional(),
  capabilities: z
    .array(z.string())
    .optional()
    .describe('What the tool can do, in short words by which agents find it.'),
  domain: z.string().max(200).optional().describe('The subject of the tool.'),
  effect: z.enum(enumLabels.tool_effect).optional(),
  requires_approval: z.boolean().optional(),
  timeout_ms: z.int().min(1).max(3_600_000).optional(),
  compensation: toolName.optional().describe('The tool that reverts a finished call.'),
  is_active: z.boolean().optional(),
};
/** The fields of tools whose calls may be answered from the cache. */
const cached = {
  cache_answers_for: z
    .int()
    .min(1)
    .max(2_592_000)
    .optional()
    .describe('Seconds for which an equal call gets the same answer; for tools that only read.'),
};
const described = {
  parameters: object.optional().describe('The JSON Schema of its arguments.'),
  configuration: object.optional(),
};
const tool = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('custom'), ...toolFields, ...cached, ...described }),
  z.strictObject({
    kind: z.literal('sql'),
    function: z
      .string()
      .min(1)
      .max(1000)
      .describe('A function, such as shop.order_status(text); only for owners of the database.'),
    ...toolFields,
    ...cached,
  }),
  z.strictObject({
    kind: z.literal('http'),
    ...toolFields,
    ...cached,
    parameters: described.parameters,
    configuration: object.describe('The request: url, method, arguments, headers, secrets, …'),
  }),
  z.strictObject({ kind: z.literal('agent'), agent: name, ...toolFields, ...described }),
  z.strictObject({ kind: z.literal('workflow'), workflow: name, ...toolFields, ...described }),
]);

const prompt = z.strictObject({
  template: z
    .string()
    .min(1)
    .max(262_144)
    .describe('The text for agents, with {{name}} for values.'),
  description: text.optional(),
  variables: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a variable has a name of letters, digits and _'),
      z.looseObject({
        type: z.enum(['string', 'number', 'integer', 'boolean']),
        description: z.string().optional(),
      }),
    )
    .optional()
    .describe('JSON Schemas by name; a variable without default is required.'),
});

const skill = z.strictObject({
  description: z
    .string()
    .min(1)
    .max(500)
    .regex(/^[^\r\n]*$/, 'describe in one line when to read it')
    .describe('One line: when to read it.'),
  content: z.string().min(1).max(61_440).describe('The text that the agent reads, as Markdown.'),
  is_active: z.boolean().optional(),
});
const skillName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'a skill has a name of letters, digits, _ and -');

const subRuns = z.union([
  z.array(name),
  z.record(name, subRun.extend({ requires_approval: z.boolean().optional() })),
]);

const agent = z.strictObject({
  mission: text.optional().describe('The task of this agent.'),
  system_prompt: text.optional().describe('A generic prompt, placed before the mission.'),
  prompt: name.optional().describe('A prompt, placed before the mission.'),
  prompt_values: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe('Values by variable of the prompt; values of a run take precedence.'),
  skills: z.array(name).optional().describe('In the order they are listed to the agent.'),
  servers: agentServers.optional().describe('MCP servers whose tools the agent has.'),
  description: text
    .optional()
    .describe('The description by which other agents and routers choose it.'),
  model: name.optional().describe('Its model; the model named default by default.'),
  request_params: object.optional().describe('Sent to that model unchanged: temperature, …'),
  models: z
    .array(
      z.union([
        name,
        z.strictObject({
          model: name,
          purpose: purpose.optional(),
          request_params: object.optional(),
        }),
      ]),
    )
    .optional()
    .describe('Its models in order: the first, then the fallbacks.'),
  tools: z
    .strictObject({
      allow: z.array(z.string().min(1)).optional().describe('By name or alias.'),
      configuration: z
        .record(z.string(), object)
        .optional()
        .describe('By tool; overrides the configuration of the tool.'),
      requires_approval: z
        .record(z.string(), z.boolean())
        .optional()
        .describe('Whether calls need approval, by tool.'),
    })
    .optional(),
  agents: subRuns.optional().describe('Agents it may delegate work to.'),
  workflows: subRuns.optional().describe('Workflows it may delegate work to.'),
  budget: budget.optional(),
  retry_for: z
    .int()
    .min(0)
    .max(2_592_000)
    .optional()
    .describe('Seconds for which failed model calls are repeated when no fallback model is left.'),
  cache_answers_for: z
    .int()
    .min(1)
    .max(2_592_000)
    .optional()
    .describe('Seconds for which an answer of a model is used again for an equal request.'),
  use_history: z.boolean().optional(),
  engine: z
    .enum(enumLabels.agent_engine)
    .optional()
    .describe('The engine that produces its answers.'),
  engine_configuration: object
    .optional()
    .describe('The configuration of the engine; use secret_name for keys.'),
  human_input: z.boolean().optional().describe('Whether it may ask people.'),
  context_policy: z.enum(enumLabels.context_policy).optional(),
  allow_empty: z.boolean().optional().describe('Whether an answer without a text may end a run.'),
  capabilities: z.array(z.string()).optional(),
  domain: z.string().max(200).optional(),
  output_schema: object.optional().describe('The JSON Schema that the answer must satisfy.'),
  is_active: z.boolean().optional(),
  is_default: z.boolean().optional().describe('Whether this is the default agent.'),
});

/**
 * The schema of an agent system file, `version: v1`. A name may refer to the same file, to another
 * file or to the tenant.
 */
export const systemFile = z
  .strictObject({
    version: z.literal('v1'),
    name: name.describe('The name of the agent system, which owns everything in this file.'),
    description: text.optional(),
    models: z.record(name, model).optional(),
    functions: z.record(functionName, databaseFunction).optional(),
    tools: z.record(toolName, tool).optional(),
    mcp_servers: z.record(mcpServerName, mcpServer).optional(),
    prompts: z.record(name, prompt).optional(),
    skills: z.record(skillName, skill).optional(),
    agents: z.record(name, agent).optional(),
    workflows: z.record(name, workflowEntries(text, budget, subRun)).optional(),
    orchestrator: name.optional().describe('The agent or workflow that answers for the system.'),
  })
  .describe('An agent system of Howdah.');

/**
 * Returns the schema of files as JSON Schema draft 2020-12, for editors, other endpoints and the
 * database.
 */
export function systemFileSchema(): JsonObject {
  return {
    ...(z.toJSONSchema(systemFile, {
      target: 'draft-2020-12',
      io: 'input',
      reused: 'inline',
    }) as JsonObject),
    title: 'Agent system file, version v1',
  };
}
