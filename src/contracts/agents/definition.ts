import type { JsonObject, JsonSchema } from '../../json/json.ts';
import type { EnumLabel } from '../enum-labels.generated.ts';
import type { Trust } from '../runs/trust.ts';
import type { ModelRef } from './model.ts';

export type ToolKind =
  | EnumLabel<'tool_kind'>
  /** A tool of one run. The client that started the run makes its calls. */
  | 'client';
export type ToolEffect = EnumLabel<'tool_effect'>;

/** A tool as an agent version pins it. */
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
  /** The agent or workflow whose run does the work, for the kinds `agent` and `workflow`. */
  agent_id?: string | null;
  workflow_id?: string | null;
  /** The MCP server that does the work, for the kind `mcp`. */
  server_id?: string;
  /** False if the address of a tool of kind `http` may be private; absent otherwise. */
  is_guarded?: false;
  /**
   * The seconds for which an answer is used again for an equal call. Absent if each call is made.
   */
  cache_answers_for?: number;
  /** The tool that reverts a finished call when its run fails or is cancelled. */
  compensation?: ToolDefinition;
};

/**
 * A complete agent, as stored in `agent_versions.definition`: everything that a run needs, by
 * value. A version never changes, so a worker may cache it for ever.
 */
export type AgentDefinition = {
  agent: {
    name: string;
    instruction: string;
    system_prompt: string | null;
    use_history: boolean;
    output_schema: JsonSchema | null;
    /** Absent in versions from releases that knew only the policy `none`. */
    context_policy?: EnumLabel<'context_policy'>;
    /** True if an answer without a text may end the run. */
    allow_empty?: true;
    /**
     * The seconds for which failed model calls are repeated when no fallback model is left. Absent
     * if the setting decides.
     */
    retry_for?: number;
    /**
     * The seconds for which an answer of a model is used again for an equal request. Absent if the
     * model is asked each time.
     */
    cache_answers_for?: number;
    /** The prompt in front of the agent's instruction, filled in for each run. */
    prompt?: PromptDefinition;
    /** The reason why the prompt could not be filled in for this run. */
    prompt_fault?: string;
    /**
     * The engine that answers in place of models; it is the only model of the definition. Absent if
     * the agent's models answer.
     */
    engine?: 'http' | 'openai' | 'custom';
  };
  /** The models in order of use: the default first, then the fallbacks. */
  models: ModelRef[];
  tools: ToolDefinition[];
  /**
   * The agent's MCP servers. `tools` contains the tools that they offered when the version was
   * created.
   */
  servers?: { id: string; name: string; allowed_tools: string[] | null }[];
  /**
   * The skills that the agent may read with `load_skill`, in the order in which they are listed for
   * the agent.
   */
  skills?: SkillDefinition[];
  /** The memories that the prompt of the run shows. Absent in versions: each run has its own. */
  pinned_memories?: PinnedMemory[];
  /**
   * The workflow, if this is the definition of one. `agent` and `models` are then those of its
   * deciding model.
   */
  workflow?: Team;
};

/** A prompt as an agent version pins it, with the values that the agent sets. */
export type PromptDefinition = {
  id: string;
  name: string;
  version: number;
  /** The text. `{{name}}` is replaced by the value of the variable. */
  template: string;
  variables: Record<string, JsonSchema>;
  values: JsonObject;
};

/**
 * A memory of the agent that was pinned when the run started, or when the agent took it over. The
 * working memory of the agent comes first, with the id `working_memory`.
 */
export type PinnedMemory = { id: string; content: string; trust: Trust };

/** A skill as an agent version pins it. Its text is stored in the version of the skill. */
export type SkillDefinition = {
  id: string;
  version_id: string;
  version: number;
  name: string;
  description: string;
};

/**
 * The differences between a run and its agent. They come from the caller that starts the run, or
 * from the configuration of the tool or member that the run belongs to.
 */
export type Overrides = {
  /** The instruction in place of the agent's own. */
  mission_override?: string;
  /** The names of the only tools of the agent that the run may use. */
  allowed_tools?: string[];
  /** The tool that is called once in place of the model. `allowed_tools` names it too. */
  tool?: string;
  /** True if the answer must be plain text. */
  suppress_markdown?: boolean;
  /**
   * False if the run sees the earlier conversation below the same root run, or in the same session.
   */
  ephemeral?: false;
  /** The model that is called in place of the agent's models. */
  model?: ModelRef;
  /** Parameters that override those of the called model. */
  request_params?: JsonObject;
  /** Tools whose calls are made by the client that started the run. */
  client_tools?: ClientTool[];
  /** The pinned memories of the agent that has the run. Only the database writes them. */
  pinned_memories?: PinnedMemory[];
};

export type ClientTool = { name: string; description?: string; parameters?: JsonSchema };

export type WorkflowType = EnumLabel<'workflow_type'>;

export type Team = {
  type: WorkflowType;
  /** The configuration, which satisfies `howdah.workflow_schema(type)`. */
  configuration: JsonObject;
  /** The members, in their order. */
  members: Member[];
};

/** A member of a workflow: an agent, a workflow or a person, with a name within the workflow. */
export type Member = {
  name: string;
  agent_id?: string;
  workflow_id?: string;
  /** The question to the person. */
  question?: JsonObject;
  description?: string;
  capabilities?: string[];
  domain?: string;
  configuration: JsonObject;
};
