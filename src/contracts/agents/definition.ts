import type { JsonObject, JsonSchema } from '../../json/json.ts';
import type { ModelRef } from './model.ts';

export type ToolKind =
  | 'builtin'
  | 'sql'
  | 'http'
  | 'mcp'
  | 'code'
  | 'agent'
  | 'workflow'
  | 'custom'
  /** Of one run: whoever began it makes the call himself. */
  | 'client';
export type ToolEffect = 'pure' | 'idempotent' | 'once';

/** A tool as a version pins it. */
export type ToolDefinition = {
  id: string;
  name: string;
  aliases: string[];
  description: string;
  kind: ToolKind;
  parameters: JsonSchema;
  configuration: JsonObject;
  effect: ToolEffect;
  timeout_ms: number;
  requires_approval: boolean;
  /** Of kind agent or workflow: whose run does the work. */
  agent_id?: string | null;
  workflow_id?: string | null;
  /** Of kind mcp: the server that does the work. */
  server_id?: string;
  /** The tool that takes a finished call back when its run fails or is cancelled. */
  compensation?: ToolDefinition;
};

/**
 * The whole of an agent as `agent_versions.definition` holds it: what a run needs, by value.
 * A version never changes, so a worker may keep it for ever.
 */
export type AgentDefinition = {
  agent: {
    name: string;
    instruction: string;
    system_prompt: string | null;
    use_history: boolean;
    output_schema: JsonSchema | null;
    /** Absent in versions of releases that had only `none`. */
    context_policy?: 'trim' | 'summarize' | 'none';
    /** What it is told before its instruction, to be filled in for each run. */
    prompt?: PromptDefinition;
    /** Why its prompt could not be filled in for this run. */
    prompt_fault?: string;
    /** Absent where its models answer; else the one model of the definition is the engine. */
    engine?: 'http' | 'openai' | 'custom';
  };
  /** In the order of use: the default first, then the fallbacks. */
  models: ModelRef[];
  tools: ToolDefinition[];
  /** The agent's MCP servers. `tools` contains the tools they offered when the version was made. */
  servers?: { id: string; name: string; allowed_tools: string[] | null }[];
  /** What it may read by `load_skill`, in the order it is told of it. */
  skills?: SkillDefinition[];
  /** Of a workflow, whose run it is then: `agent` and `models` are those of its deciding model. */
  workflow?: Team;
};

/** A prompt as a version pins it, with the values the agent gives. */
export type PromptDefinition = {
  id: string;
  name: string;
  version: number;
  /** `{{name}}` stands where the value of a variable goes. */
  template: string;
  variables: Record<string, JsonSchema>;
  values: JsonObject;
};

/** A skill as a version pins it; its text stands in the version of the skill. */
export type SkillDefinition = {
  id: string;
  version_id: string;
  version: number;
  name: string;
  description: string;
};

/** How one run differs from its agent: what whoever begins it says, or the configuration of the tool or member it is of. */
export type Overrides = {
  /** Instead of the agent's own instruction. */
  mission_override?: string;
  /** Of the agent's tools only these, by name. */
  allowed_tools?: string[];
  /** The answer is to be plain text. */
  suppress_markdown?: boolean;
  /** False: it is told what it was told before below the same root, or in the same session. */
  ephemeral?: false;
  /** Asked in place of the agent's models. */
  model?: ModelRef;
  /** Over those of the model that is asked. */
  request_params?: JsonObject;
  /** Tools that whoever began the run calls himself. */
  client_tools?: ClientTool[];
};

export type ClientTool = { name: string; description?: string; parameters?: JsonSchema };

export type WorkflowType =
  | 'chain'
  | 'parallel'
  | 'router'
  | 'orchestrator'
  | 'evaluator_optimizer'
  | 'voting'
  | 'map'
  | 'graph';

export type Team = {
  type: WorkflowType;
  /** As `howdah.workflow_schema(type)` says. */
  configuration: JsonObject;
  /** In their order. */
  members: Member[];
};

/** An agent, a workflow or a person, by the name it has within its workflow. */
export type Member = {
  name: string;
  agent_id?: string;
  workflow_id?: string;
  /** What the person is asked. */
  question?: JsonObject;
  description?: string;
  capabilities?: string[];
  domain?: string;
  configuration: JsonObject;
};
