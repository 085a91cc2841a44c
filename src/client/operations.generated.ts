// Generated from the routes of src/api/rest: npm run generate. What the REST door takes and gives, by operation.

export type Problem = { type: string; title: string; status: number; detail: string; code: string; hint?: string; field?: string };

export type Agent = { id: string; name: string; description: string; instruction: string; system_prompt: string | null; use_history: boolean; human_input: boolean; is_active: boolean; is_default: boolean; user_id: string | null; engine: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration: { [name: string]: unknown }; capabilities: (string)[]; domain: string | null; output_schema: { [name: string]: unknown } | null; context_policy: "trim" | "summarize" | "none"; prompt_id: string | null; prompt_values: { [name: string]: unknown }; max_steps: number | null; max_tokens: number | null; max_cost: number | null; max_seconds: number | null; is_restricted: boolean; agent_system_id: string | null; current_version_id: string | null; created_at: string; updated_at: string; version: number | null; model: string | null; models: (string)[]; request_params: { [name: string]: unknown }; tools: (string)[]; servers: (string)[]; llm_provider_config: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; tts_provider_config: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; stt_provider_config: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null };

export type Version = { version: number; digest: string; labels: (string)[]; created_by: string; created_at: string; definition: { [name: string]: unknown } };

export type Execution = { id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; agent_id: string | null; agent: string | null; agent_version_id: string | null; workflow_id: string | null; workflow: string | null; workflow_version_id: string | null; session_id: string | null; turn: number | null; user_id: string | null; parent_execution_id: string | null; root_execution_id: string; forked_from_execution_id: string | null; forked_from_seq: number | null; input: string; input_data: unknown; input_parts: unknown; output: string | null; output_data: unknown; stop_reason: string | null; error: { [name: string]: unknown } | null; tokens_in: number; tokens_out: number; cost: number; step_count: number; metrics: { [name: string]: unknown }; metadata: { [name: string]: unknown }; priority: number; idempotency_key: string | null; concurrency_key: string | null; debounce_key: string | null; created_by: string; run_at: string; created_at: string; started_at: string | null; completed_at: string | null };

export type ExecutionWithMessages = { id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; agent_id: string | null; agent: string | null; agent_version_id: string | null; workflow_id: string | null; workflow: string | null; workflow_version_id: string | null; session_id: string | null; turn: number | null; user_id: string | null; parent_execution_id: string | null; root_execution_id: string; forked_from_execution_id: string | null; forked_from_seq: number | null; input: string; input_data: unknown; input_parts: unknown; output: string | null; output_data: unknown; stop_reason: string | null; error: { [name: string]: unknown } | null; tokens_in: number; tokens_out: number; cost: number; step_count: number; metrics: { [name: string]: unknown }; metadata: { [name: string]: unknown }; priority: number; idempotency_key: string | null; concurrency_key: string | null; debounce_key: string | null; created_by: string; run_at: string; created_at: string; started_at: string | null; completed_at: string | null; messages: (Message)[]; messages_next: string | null; children: ({ id: string; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; input: string; output: string | null; tokens_in: number; tokens_out: number; cost: number })[]; children_next: string | null };

export type Message = { id: string; seq: number; step_seq: number | null; parent_seq: number | null; role: "system" | "user" | "assistant" | "tool"; content: string | null; parts: unknown; tool_calls: unknown; tool_call_id: string | null; agent_id: string | null; trust: "system" | "user" | "internal" | "external"; tokens_in: number; tokens_out: number; created_at: string };

export type Step = { seq: number; kind: string; name: string | null; call_id: string | null; input: unknown; output: unknown; error: { [name: string]: unknown } | null; model_id: string | null; tokens_in: number; tokens_out: number; cost: number; started_at: string; finished_at: string; said?: string | null; calls?: string | null };

export type Explanation = { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; since: string; reason: string; summary: string; blocked_by: ({ kind: string; id: string | null; name: string | null; detail: string })[]; next: ({ action: string; id: string | null })[] };

export type Comparison = { is_same: boolean; a: RunFigures; b: RunFigures; shared_steps: number; began: (TextDifference)[]; steps: { same: number; changed: number; only_a: number; only_b: number; parts_at: number | null; changes: ({ what: "changed" | "only_a" | "only_b"; a: number | null; b: number | null; kind: string; name: string | null; differences: (TextDifference)[] })[]; left_off: number }; ended: (TextDifference)[] };

export type RunFigures = { execution_id: string; agent: string | null; workflow: string | null; version: number | null; forked_from_execution_id: string | null; forked_from_seq: number | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; stop_reason: string | null; is_erased: boolean; created_at: string; seconds: number | null; steps: number; model_calls: number; tool_calls: number; retries: number; tokens_in: number; tokens_out: number; cost: number; total_tokens_in: number; total_tokens_out: number; total_cost: number; children: ({ agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; runs: number; cost: number })[] };

export type TextDifference = { field: string; a: string | null; b: string | null };

export type WholeExecution = { id: string; tenant_id: string; root_execution_id: string; tokens_in: number; tokens_out: number; run_at: string; active_ms: number; created_at: string; updated_at: string; children_tokens_in: number; children_tokens_out: number; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; step_count: number; model_count: number; message_count: number; max_steps: number; max_seconds: number; fence: number; live_children: number; messages_at_retry: number; moves: number; members_waiting: number; handoffs: number; input_trust: string; trust: string; depth: number; priority: number; crashes_without_progress: number; at_risk: boolean; has_inbox: boolean; is_pause_requested: boolean; agent_id: string | null; agent_version_id: string | null; session_id: string | null; user_id: string | null; parent_execution_id: string | null; owner_worker: string | null; forked_from_execution_id: string | null; compensates_execution_id: string | null; workflow_id: string | null; workflow_version_id: string | null; table_trigger_id: string | null; max_tokens: number | null; active_since: string | null; wake_at: string | null; started_at: string | null; completed_at: string | null; contents_erased_at: string | null; debounced_at: string | null; turn: number | null; waiting_for: string | null; stop_reason: string | null; forked_from_seq: number | null; paused_from: string | null; wakes_on: string | null; members_at_once: number | null; debounce_ms: number | null; cost: number; children_cost: number; max_cost: number | null; input: string; metrics: { [name: string]: unknown }; metadata: { [name: string]: unknown }; created_by: string; ancestors: (string)[]; input_data: unknown; output: string | null; output_data: unknown; error: { [name: string]: unknown } | null; idempotency_key: string | null; parent_call_id: string | null; first_limits: unknown; input_parts: unknown; overrides: unknown; history: unknown; client_tools: unknown; concurrency_key: string | null; debounce_key: string | null; agent: string | null; agent_version: number | null; workflow: string | null; workflow_version: number | null };

export type RunInTree = { execution_id: string; parent_execution_id: string | null; depth: number; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; stop_reason: string | null; tokens_in: number; tokens_out: number; cost: number; total_tokens_in: number; total_tokens_out: number; total_cost: number; started_at: string | null; completed_at: string | null; path: (string)[] };

export type QuestionInTheWay = { id: string; kind: "question" | "approval" | "effect"; execution_id: string; prompt: string; options: (unknown)[] | null; schema: { [name: string]: unknown } | null; tool_call: unknown; preview: unknown; expires_at: string | null };

export type LoggedStep = { execution_id: string; seq: number; agent: string | null; kind: string; name: string | null; started_at: string; finished_at: string; ms: number; tokens_in: number; tokens_out: number; cost: number; error: { [name: string]: unknown } | null };

export type Feedback = { id: string; execution_id: string; message_seq: number | null; score: number | null; comment: string | null; created_by: string; created_at: string; updated_at: string };

export type Question = { id: string; kind: "question" | "approval" | "effect"; status: "open" | "answered" | "expired" | "cancelled"; execution_id: string; root_execution_id: string; session_id: string | null; prompt: string; options: (unknown)[] | null; schema: { [name: string]: unknown } | null; tool_call: unknown; preview: unknown; required_role: string | null; answer: string | null; answer_data: unknown; answered_by: string | null; answered_at: string | null; expires_at: string | null; default_answer: string | null; created_at: string };

export type Session = { id: string; title: string | null; agent_id: string | null; agent: string | null; workflow_id: string | null; workflow: string | null; user_id: string | null; policy: "queue" | "reject" | "interrupt" | "steer"; state: { [name: string]: unknown }; turns: number; live_execution_id: string | null; forked_from_session_id: string | null; forked_from_turn: number | null; last_activity_at: string; created_at: string; updated_at: string };

export type AgentSystem = { id: string; name: string; description: string; orchestrator: string | null; version: number; digest: string; created_at: string; updated_at: string; resolved: { [name: string]: unknown } };

export type Workflow = { id: string; name: string; description: string; type: "chain" | "parallel" | "router" | "orchestrator" | "evaluator_optimizer" | "voting" | "map" | "graph"; instruction: string; configuration: { [name: string]: unknown }; is_active: boolean; max_steps: number | null; max_tokens: number | null; max_cost: number | null; max_seconds: number | null; is_restricted: boolean; agent_system_id: string | null; current_version_id: string | null; created_at: string; updated_at: string; version: number | null; members: ({ [name: string]: unknown })[] };

export type Model = { id: string; name: string; provider: string; model: string; purpose: "llm" | "embedding" | "tts" | "stt"; domain: string | null; base_url: string | null; secret_name: string | null; capabilities: { [name: string]: unknown }; input_price: number | null; output_price: number | null; context_tokens: number | null; agent_system_id: string | null; created_at: string; updated_at: string };

export type Prompt = { id: string; name: string; description: string; template: string; variables: { [name: string]: unknown }; agent_system_id: string | null; created_at: string; updated_at: string };

export type Tool = { id: string; name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases: (string)[]; description: string; parameters: { [name: string]: unknown }; configuration: { [name: string]: unknown }; effect: "pure" | "idempotent" | "once"; requires_approval: boolean; timeout_ms: number; compensation_tool_id: string | null; agent_id: string | null; workflow_id: string | null; is_active: boolean; server_id: string | null; agent_system_id: string | null; created_at: string; updated_at: string };

export type McpServer = { id: string; name: string; description: string; type: "stdio" | "http" | "filesystem" | "fetch"; configuration: { [name: string]: unknown }; trusts_annotations: boolean; is_active: boolean; server_info: { [name: string]: unknown } | null; discovered_at: string | null; error: string | null; failed_at: string | null; agent_system_id: string | null; created_at: string; updated_at: string };

export type Resource = { id: string; name: string; type: string; uri: string | null; sha256: string; metadata: { [name: string]: unknown }; execution_id: string | null; session_id: string | null; size: number; storage_path: string | null; created_by: string; created_at: string };

export type AlertRule = { id: string; name: string; description: string; query: string | null; engine_check: string | null; interval_seconds: number; webhook_id: string | null; is_active: boolean; state: "unknown" | "clear" | "firing" | "failed"; found_rows: number | null; sample: ({ [name: string]: unknown })[] | null; last_error: string | null; last_at: string | null; changed_at: string | null; created_at: string; updated_at: string };

export type Webhook = { id: string; url: string; events: (string)[]; description: string; agent_id: string | null; workflow_id: string | null; secret_name: string | null; previous_secret_name: string | null; is_active: boolean; disabled_because: string | null; created_at: string; updated_at: string };

export type WebhookDelivery = { id: string; webhook_id: string | null; execution_id: string | null; alert_rule_id: string | null; event: string; url: string; status: "pending" | "delivered" | "failed"; attempts: number; next_attempt_at: string | null; last_attempt_at: string | null; last_status: number | null; last_error: string | null; delivered_at: string | null; payload: { [name: string]: unknown }; created_at: string };

export type Setting = { key: string; value: number | null; source: "tenant" | "system" | "default"; default_value: number | null; minimum: number; maximum: number; description: string };

export type Operations = {
  /** The agent that is meant when nobody is named. */
  getCurrentAgent: { takes: { query?: { session_id?: string } }; gives: Agent };
  /** The agents, the newest first. */
  listAgents: { takes: { query?: { limit?: number; cursor?: string; name?: string; is_active?: "true" | "false"; domain?: string; capability?: string; agent_system_id?: string } }; gives: { data: (Agent)[]; next: string | null } };
  /** Makes a row. */
  createAgent: { takes: { body: { name: string; description?: string; instruction?: string; system_prompt?: string | null; use_history?: boolean; human_input?: boolean; is_active?: boolean; is_default?: boolean; user_id?: string | null; engine?: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration?: { [name: string]: unknown }; capabilities?: (string)[]; domain?: string | null; output_schema?: { [name: string]: unknown } | null; context_policy?: "trim" | "summarize" | "none"; prompt_id?: string | null; prompt_values?: { [name: string]: unknown }; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; model?: string | null; models?: (string | { model: string; is_default?: boolean; request_params?: { [name: string]: unknown } })[]; request_params?: { [name: string]: unknown }; tools?: (string)[]; servers?: (string)[]; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null } }; gives: Agent };
  /** One of them. */
  getAgent: { takes: { params: { id: string } }; gives: Agent };
  /** Replaces it: what is left out takes its default. */
  replaceAgent: { takes: { params: { id: string }; body: { name: string; description?: string; instruction?: string; system_prompt?: string | null; use_history?: boolean; human_input?: boolean; is_active?: boolean; is_default?: boolean; user_id?: string | null; engine?: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration?: { [name: string]: unknown }; capabilities?: (string)[]; domain?: string | null; output_schema?: { [name: string]: unknown } | null; context_policy?: "trim" | "summarize" | "none"; prompt_id?: string | null; prompt_values?: { [name: string]: unknown }; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; model?: string | null; models?: (string | { model: string; is_default?: boolean; request_params?: { [name: string]: unknown } })[]; request_params?: { [name: string]: unknown }; tools?: (string)[]; servers?: (string)[]; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; id?: unknown; is_restricted?: unknown; agent_system_id?: unknown; current_version_id?: unknown; created_at?: unknown; updated_at?: unknown; version?: unknown } }; gives: Agent };
  /** Changes the fields that are sent. */
  changeAgent: { takes: { params: { id: string }; body: { name?: string; description?: string; instruction?: string; system_prompt?: string | null; use_history?: boolean; human_input?: boolean; is_active?: boolean; is_default?: boolean; user_id?: string | null; engine?: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration?: { [name: string]: unknown }; capabilities?: (string)[]; domain?: string | null; output_schema?: { [name: string]: unknown } | null; context_policy?: "trim" | "summarize" | "none"; prompt_id?: string | null; prompt_values?: { [name: string]: unknown }; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; model?: string | null; models?: (string | { model: string; is_default?: boolean; request_params?: { [name: string]: unknown } })[]; request_params?: { [name: string]: unknown }; tools?: (string)[]; servers?: (string)[]; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; api_url?: string | null; url?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; sample_rate?: number | null } | null } }; gives: Agent };
  /** Deletes it. */
  deleteAgent: { takes: { params: { id: string } }; gives: null };
  /** Makes it the default of its user, or of the tenant. */
  setDefaultAgent: { takes: { params: { id: string } }; gives: Agent };
  /** What it was, the newest version first. */
  listAgentVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** How its runs went, by version: the view `agent_performance`. */
  getAgentPerformance: { takes: { params: { id: string } }; gives: { agent_id: string; agent: string; data: ({ version: number; runs: number; completed: number; failed: number; success_rate: number | null; steps_per_run: number; tokens_in: number; tokens_out: number; cost: number; seconds_p50: number | null; seconds_p95: number | null })[] } };
  /** Starts a run of an agent or a workflow. */
  execute: { takes: { query?: { wait?: number }; body: { message: string; agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; version?: string; session_id?: string; input_data?: unknown; input_parts?: ({ [name: string]: unknown })[]; metadata?: { [name: string]: unknown }; priority?: number; run_at?: string; max_cost?: number; overrides?: { [name: string]: unknown }; idempotency_key?: string; concurrency_key?: string; debounce_key?: string; debounce_ms?: number; callback_url?: string; wait?: boolean | number; stream?: boolean } }; gives: { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; output: string | null; output_data: unknown; stop_reason: string | null; error: { [name: string]: unknown } | null; tokens_in: number; tokens_out: number; cost: number } | { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled" } };
  /** The runs, the newest first. */
  listExecutions: { takes: { query?: { limit?: number; cursor?: string; status?: string; agent_id?: string; workflow_id?: string; session_id?: string; parent_execution_id?: string; is_root?: "true" | "false"; is_mine?: "true" | "false"; metadata?: string } }; gives: { data: (Execution)[]; next: string | null } };
  /** A run with its messages and the runs below it. */
  getExecution: { takes: { params: { id: string } }; gives: ExecutionWithMessages };
  /** The runs that it began itself, in order. */
  listExecutionChildren: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: ({ id: string; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; input: string; output: string | null; tokens_in: number; tokens_out: number; cost: number })[]; next: string | null } };
  /** What it did, in order: a step is a commit. */
  listExecutionSteps: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; after?: number; said?: "true" | "false" } }; gives: { data: (Step)[]; next: string | null } };
  /** What was said, in order. */
  listExecutionMessages: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; after?: number } }; gives: { data: (Message)[]; next: string | null } };
  /** Why it is where it is, and what may be done. */
  explainExecution: { takes: { params: { id: string } }; gives: Explanation };
  /** In what it differs from another run, and from which step on. */
  compareExecutions: { takes: { params: { id: string; other_id: string } }; gives: Comparison };
  /** Ends it now, and the runs below it. */
  cancelExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Asks it to stop after what is in the air. */
  pauseExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Lets a paused run go on. */
  resumeExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Lets a failed or cancelled run go on after its last good step. */
  retryExecution: { takes: { params: { id: string } }; gives: Execution };
  /** A new run that shares its first steps. */
  forkExecution: { takes: { params: { id: string }; body?: { seq?: number; input?: string; version?: number; input_data?: unknown; changes?: { [name: string]: unknown } } }; gives: Execution };
  /** The run as it is kept: also its limits, counters and versions, and who works on it. */
  inspectExecution: { takes: { params: { id: string } }; gives: WholeExecution };
  /** The tree it belongs to, from the root on: what each run used itself, and with those below. */
  listExecutionTree: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (RunInTree)[]; next: string | null } };
  /** What it and those below it ask people, once nothing of it goes on by itself. */
  listExecutionQuestions: { takes: { params: { id: string } }; gives: { data: (QuestionInTheWay)[] } };
  /** The log of all runs, or of some: a line for each step, the newest first. */
  listSteps: { takes: { query?: { limit?: number; cursor?: string; execution_id?: string; session_id?: string; agent_id?: string; workflow_id?: string; status?: string; errors?: "true" | "false"; since?: string } }; gives: { data: (LoggedStep)[]; next: string | null; now: string } };
  /** Says what you think of it; said again it replaces what you said before. */
  giveFeedback: { takes: { params: { id: string }; body: { score?: number | null; comment?: string | null; message_seq?: number | null } }; gives: Feedback };
  /** What people think of it, the newest first. */
  listFeedback: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Feedback)[]; next: string | null } };
  /** Asks a question; the manager decides which agent answers it. */
  query: { takes: { body: { question: string; session_id?: string; metadata?: { [name: string]: unknown }; wait?: boolean | number } }; gives: { decision: { method: string; chosen: unknown; reason: string | null; candidates: unknown } | null; sql: string | null; rows: ({ [name: string]: unknown })[] | null; row_count: number | null; cut_by: string | null; execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; answer: string | null; error: { [name: string]: unknown } | null } | { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled" } };
  /** What runs ask people, the newest first. */
  listQuestions: { takes: { query?: { limit?: number; cursor?: string; status?: string; kind?: string; execution_id?: string; root_execution_id?: string; session_id?: string } }; gives: { data: (Question)[]; next: string | null } };
  /** One of them. */
  getQuestion: { takes: { params: { id: string } }; gives: Question };
  /** Answers it, and lets its run go on; the first answer counts. */
  answerQuestion: { takes: { params: { id: string }; body: { answer?: unknown; data?: unknown } }; gives: Question };
  /** Begins a conversation; nothing runs yet, its messages do. */
  startSession: { takes: { body?: { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; agent_system_id?: string; title?: string; policy?: "queue" | "reject" | "interrupt" | "steer"; state?: { [name: string]: unknown } } }; gives: Session };
  /** The sessions, the newest first. */
  listSessions: { takes: { query?: { limit?: number; cursor?: string; user_id?: string; agent_id?: string } }; gives: { data: (Session)[]; next: string | null } };
  /** One of them. */
  getSession: { takes: { params: { sid: string } }; gives: Session };
  /** Who the next message is for; runs that are live keep their agent. */
  switchAgent: { takes: { params: { sid: string }; body: { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string } }; gives: Session };
  /** Says something as a person. */
  sendMessage: { takes: { params: { sid: string }; body: { content: string; input_parts?: ({ [name: string]: unknown })[]; stream?: boolean } }; gives: { session_id: string; execution_id: string; turn: number } };
  /** A new session that goes on from one of its turns with another message. */
  forkSession: { takes: { params: { sid: string }; body: { content: string; input_parts?: ({ [name: string]: unknown })[]; turn?: number; stream?: boolean } }; gives: Session };
  /** Answers what the session asks; the oldest open question when none is named. */
  answerInSession: { takes: { params: { sid: string }; body: { question_id?: string; answer?: unknown; data?: unknown } }; gives: Question };
  /** How it stands. */
  getSessionState: { takes: { params: { sid: string } }; gives: { version: number; tasks: ({ [name: string]: unknown })[]; awaiting_user_input: { [name: string]: unknown } | null; blocker: { [name: string]: unknown } | null } };
  /** What people and agents said in it, the last so many, in order. */
  getSessionHistory: { takes: { params: { sid: string }; query?: { limit?: number; cursor?: string } }; gives: { data: ({ turn: number; who: string; said: string })[]; next: string | null } };
  /** What it has used, with the runs below its own. */
  getSessionUsage: { takes: { params: { sid: string } }; gives: { runs: number; tokens_in: number; tokens_out: number; cost: number } };
  /** Its todo list, as Markdown. */
  getTodolist: { takes: { params: { sid: string } }; gives: string };
  /** Makes the tenant have what a file describes: everything, or nothing with all faults. */
  applyAgentSystem: { takes: { query?: { dry_run?: "true" | "false"; prune?: "true" | "false"; file?: string }; body: string }; gives: { id: string; name: string; version: number; digest: string; dry_run: boolean; objects: ({ [name: string]: unknown })[]; kept: ({ [name: string]: unknown })[]; warnings: (string)[] } };
  /** The agent systems, the newest first. */
  listAgentSystems: { takes: { query?: { limit?: number; cursor?: string; name?: string } }; gives: { data: ({ id: string; name: string; description: string; orchestrator: string | null; version: number; digest: string; created_at: string; updated_at: string })[]; next: string | null } };
  /** Whether files would be applied, one after the other, with all that is wrong; writes nothing. */
  checkAgentSystems: { takes: { body: { files: ({ name: string; text: string; parts?: ({ name: string; path: string; text: string })[] })[] } }; gives: { valid: boolean; files: ({ file: string; valid: boolean; counts: { [name: string]: number }; faults: ({ file: string; line: number; column: number; path: string; message: string; hint?: string; code: string })[]; warnings: (string)[] })[] } };
  /** What it comes to, resolved. */
  getAgentSystem: { takes: { params: { id: string } }; gives: AgentSystem };
  /** Its file: the same system gives the same bytes. */
  exportAgentSystem: { takes: { params: { id: string }; query?: { format?: "yaml" | "json" } }; gives: string };
  /** The workflows, the newest first. */
  listWorkflows: { takes: { query?: { limit?: number; cursor?: string; name?: string; type?: string; is_active?: "true" | "false" } }; gives: { data: (Workflow)[]; next: string | null } };
  /** Makes a row. */
  createWorkflow: { takes: { body: { name: string; description?: string; type: string; instruction?: string; configuration?: { [name: string]: unknown }; is_active?: boolean; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; members?: (string | { agent?: string; workflow?: string; question?: { [name: string]: unknown }; role?: string; configuration?: { [name: string]: unknown } })[] } }; gives: Workflow };
  /** One of them. */
  getWorkflow: { takes: { params: { id: string } }; gives: Workflow };
  /** Replaces it: what is left out takes its default. */
  replaceWorkflow: { takes: { params: { id: string }; body: { name: string; description?: string; type: string; instruction?: string; configuration?: { [name: string]: unknown }; is_active?: boolean; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; members?: (string | { agent?: string; workflow?: string; question?: { [name: string]: unknown }; role?: string; configuration?: { [name: string]: unknown } })[]; id?: unknown; is_restricted?: unknown; agent_system_id?: unknown; current_version_id?: unknown; created_at?: unknown; updated_at?: unknown; version?: unknown } }; gives: Workflow };
  /** Changes the fields that are sent. */
  changeWorkflow: { takes: { params: { id: string }; body: { name?: string; description?: string; type?: string; instruction?: string; configuration?: { [name: string]: unknown }; is_active?: boolean; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; members?: (string | { agent?: string; workflow?: string; question?: { [name: string]: unknown }; role?: string; configuration?: { [name: string]: unknown } })[] } }; gives: Workflow };
  /** Deletes it. */
  deleteWorkflow: { takes: { params: { id: string } }; gives: null };
  /** What it was, the newest version first. */
  listWorkflowVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** How its runs went, by version: those that are there, deleted ones are not counted. */
  getWorkflowPerformance: { takes: { params: { id: string } }; gives: { workflow_id: string; workflow: string; data: ({ version: number; runs: number; completed: number; failed: number; success_rate: number | null; steps_per_run: number; tokens_in: number; tokens_out: number; cost: number; seconds_p50: number | null; seconds_p95: number | null })[] } };
  /** The models, the newest first. */
  listModels: { takes: { query?: { limit?: number; cursor?: string; name?: string; provider?: string; purpose?: "llm" | "embedding" | "tts" | "stt" } }; gives: { data: (Model)[]; next: string | null } };
  /** Makes a row. */
  createModel: { takes: { body: { name: string; provider: string; model: string; purpose?: "llm" | "embedding" | "tts" | "stt"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown }; input_price?: number | null; output_price?: number | null; context_tokens?: number | null; cost_per_1k_tokens?: number } }; gives: Model };
  /** One of them. */
  getModel: { takes: { params: { id: string } }; gives: Model };
  /** Replaces it: what is left out takes its default. */
  replaceModel: { takes: { params: { id: string }; body: { name: string; provider: string; model: string; purpose?: "llm" | "embedding" | "tts" | "stt"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown }; input_price?: number | null; output_price?: number | null; context_tokens?: number | null; cost_per_1k_tokens?: number; id?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Model };
  /** Changes the fields that are sent. */
  changeModel: { takes: { params: { id: string }; body: { name?: string; provider?: string; model?: string; purpose?: "llm" | "embedding" | "tts" | "stt"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown }; input_price?: number | null; output_price?: number | null; context_tokens?: number | null; cost_per_1k_tokens?: number } }; gives: Model };
  /** Deletes it. */
  deleteModel: { takes: { params: { id: string } }; gives: null };
  /** The prompts, the newest first. */
  listPrompts: { takes: { query?: { limit?: number; cursor?: string; name?: string } }; gives: { data: (Prompt)[]; next: string | null } };
  /** Makes a row. */
  createPrompt: { takes: { body: { name: string; description?: string; template: string; variables?: { [name: string]: unknown } } }; gives: Prompt };
  /** One of them. */
  getPrompt: { takes: { params: { id: string } }; gives: Prompt };
  /** Replaces it: what is left out takes its default. */
  replacePrompt: { takes: { params: { id: string }; body: { name: string; description?: string; template: string; variables?: { [name: string]: unknown }; id?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Prompt };
  /** Changes the fields that are sent. */
  changePrompt: { takes: { params: { id: string }; body: { name?: string; description?: string; template?: string; variables?: { [name: string]: unknown } } }; gives: Prompt };
  /** Deletes it. */
  deletePrompt: { takes: { params: { id: string } }; gives: null };
  /** What it was, the newest version first. */
  listPromptVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** The tools there are, or those an agent was given; the newest first. */
  listToolRegistry: { takes: { query?: { limit?: number; cursor?: string; agent?: string; is_active?: "true" | "false" } }; gives: { data: ({ id: string; name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases: (string)[]; description: string; parameters: { [name: string]: unknown }; configuration: { [name: string]: unknown }; effect: "pure" | "idempotent" | "once"; requires_approval: boolean; timeout_ms: number; compensation_tool_id: string | null; agent_id: string | null; workflow_id: string | null; is_active: boolean; server_id: string | null; agent_system_id: string | null; created_at: string; updated_at: string; type: "function"; function: { name: string; description: string; parameters: { [name: string]: unknown } } })[]; next: string | null; offered?: ({ type: "function"; function: { name: string; description: string; parameters: { [name: string]: unknown } } })[] } };
  /** The tools, the newest first. */
  listTools: { takes: { query?: { limit?: number; cursor?: string; name?: string; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; is_active?: "true" | "false" } }; gives: { data: (Tool)[]; next: string | null } };
  /** Makes a row. */
  createTool: { takes: { body: { name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases?: (string)[]; description?: string; parameters?: { [name: string]: unknown }; configuration?: { [name: string]: unknown }; effect?: "pure" | "idempotent" | "once"; requires_approval?: boolean; timeout_ms?: number; compensation_tool_id?: string | null; agent_id?: string | null; workflow_id?: string | null; is_active?: boolean } }; gives: Tool };
  /** One of them. */
  getTool: { takes: { params: { id: string } }; gives: Tool };
  /** Replaces it: what is left out takes its default. */
  replaceTool: { takes: { params: { id: string }; body: { name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases?: (string)[]; description?: string; parameters?: { [name: string]: unknown }; configuration?: { [name: string]: unknown }; effect?: "pure" | "idempotent" | "once"; requires_approval?: boolean; timeout_ms?: number; compensation_tool_id?: string | null; agent_id?: string | null; workflow_id?: string | null; is_active?: boolean; id?: unknown; server_id?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Tool };
  /** Changes the fields that are sent. */
  changeTool: { takes: { params: { id: string }; body: { name?: string; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases?: (string)[]; description?: string; parameters?: { [name: string]: unknown }; configuration?: { [name: string]: unknown }; effect?: "pure" | "idempotent" | "once"; requires_approval?: boolean; timeout_ms?: number; compensation_tool_id?: string | null; agent_id?: string | null; workflow_id?: string | null; is_active?: boolean } }; gives: Tool };
  /** Deletes it. */
  deleteTool: { takes: { params: { id: string } }; gives: null };
  /** The mcp-servers, the newest first. */
  listMcpServers: { takes: { query?: { limit?: number; cursor?: string; name?: string; is_active?: "true" | "false" } }; gives: { data: (McpServer)[]; next: string | null } };
  /** Makes a row. */
  createMCPServer: { takes: { body: { name: string; description?: string; type: "stdio" | "http" | "filesystem" | "fetch"; configuration: { [name: string]: unknown }; trusts_annotations?: boolean; is_active?: boolean } }; gives: McpServer };
  /** One of them. */
  getMCPServer: { takes: { params: { id: string } }; gives: McpServer };
  /** Replaces it: what is left out takes its default. */
  replaceMCPServer: { takes: { params: { id: string }; body: { name: string; description?: string; type: "stdio" | "http" | "filesystem" | "fetch"; configuration: { [name: string]: unknown }; trusts_annotations?: boolean; is_active?: boolean; id?: unknown; server_info?: unknown; discovered_at?: unknown; error?: unknown; failed_at?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: McpServer };
  /** Changes the fields that are sent. */
  changeMCPServer: { takes: { params: { id: string }; body: { name?: string; description?: string; type?: "stdio" | "http" | "filesystem" | "fetch"; configuration?: { [name: string]: unknown }; trusts_annotations?: boolean; is_active?: boolean } }; gives: McpServer };
  /** Deletes it. */
  deleteMCPServer: { takes: { params: { id: string } }; gives: null };
  /** The resources, the newest first. */
  listResources: { takes: { query?: { limit?: number; cursor?: string; name?: string; type?: string; execution_id?: string; session_id?: string } }; gives: { data: (Resource)[]; next: string | null } };
  /** Makes a row. */
  createResource: { takes: { body: { name: string; type: string; uri?: string | null; sha256?: string; metadata?: { [name: string]: unknown }; execution_id?: string | null; session_id?: string | null; content?: string; base64?: string } }; gives: Resource };
  /** One of them. */
  getResource: { takes: { params: { id: string } }; gives: Resource };
  /** Replaces it: what is left out takes its default. */
  replaceResource: { takes: { params: { id: string }; body: { name: string; type: string; uri?: string | null; sha256?: string; metadata?: { [name: string]: unknown }; execution_id?: string | null; session_id?: string | null; content?: string; base64?: string; id?: unknown; size?: unknown; storage_path?: unknown; created_by?: unknown; created_at?: unknown } }; gives: Resource };
  /** Changes the fields that are sent. */
  changeResource: { takes: { params: { id: string }; body: { name?: string; type?: string; uri?: string | null; sha256?: string; metadata?: { [name: string]: unknown }; execution_id?: string | null; session_id?: string | null; content?: string; base64?: string } }; gives: Resource };
  /** Deletes it. */
  deleteResource: { takes: { params: { id: string } }; gives: null };
  /** The alert-rules, the newest first. */
  listAlertRules: { takes: { query?: { limit?: number; cursor?: string; name?: string; state?: "unknown" | "clear" | "firing" | "failed"; is_active?: "true" | "false" } }; gives: { data: (AlertRule)[]; next: string | null } };
  /** Makes a row. */
  createAlertRule: { takes: { body: { name: string; description?: string; query?: string | null; engine_check?: string | null; interval_seconds?: number; webhook_id?: string | null; is_active?: boolean } }; gives: AlertRule };
  /** One of them. */
  getAlertRule: { takes: { params: { id: string } }; gives: AlertRule };
  /** Replaces it: what is left out takes its default. */
  replaceAlertRule: { takes: { params: { id: string }; body: { name: string; description?: string; query?: string | null; engine_check?: string | null; interval_seconds?: number; webhook_id?: string | null; is_active?: boolean; id?: unknown; state?: unknown; found_rows?: unknown; sample?: unknown; last_error?: unknown; last_at?: unknown; changed_at?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: AlertRule };
  /** Changes the fields that are sent. */
  changeAlertRule: { takes: { params: { id: string }; body: { name?: string; description?: string; query?: string | null; engine_check?: string | null; interval_seconds?: number; webhook_id?: string | null; is_active?: boolean } }; gives: AlertRule };
  /** Deletes it. */
  deleteAlertRule: { takes: { params: { id: string } }; gives: null };
  /** What is in the file. */
  getResourceContent: { takes: { params: { id: string } }; gives: string };
  /** The webhooks, the newest first. */
  listWebhooks: { takes: { query?: { limit?: number; cursor?: string; url?: string; agent_id?: string; workflow_id?: string; is_active?: "true" | "false" } }; gives: { data: (Webhook)[]; next: string | null } };
  /** Makes a row. */
  createWebhook: { takes: { body: { url: string; events?: (string)[]; description?: string; agent_id?: string | null; workflow_id?: string | null; secret_name?: string | null; previous_secret_name?: string | null; is_active?: boolean } }; gives: Webhook };
  /** One of them. */
  getWebhook: { takes: { params: { id: string } }; gives: Webhook };
  /** Replaces it: what is left out takes its default. */
  replaceWebhook: { takes: { params: { id: string }; body: { url: string; events?: (string)[]; description?: string; agent_id?: string | null; workflow_id?: string | null; secret_name?: string | null; previous_secret_name?: string | null; is_active?: boolean; id?: unknown; disabled_because?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Webhook };
  /** Changes the fields that are sent. */
  changeWebhook: { takes: { params: { id: string }; body: { url?: string; events?: (string)[]; description?: string; agent_id?: string | null; workflow_id?: string | null; secret_name?: string | null; previous_secret_name?: string | null; is_active?: boolean } }; gives: Webhook };
  /** Deletes it. */
  deleteWebhook: { takes: { params: { id: string } }; gives: null };
  /** What it was told, or is to be, the newest first. */
  listDeliveriesOfWebhook: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; status?: string; event?: string; execution_id?: string } }; gives: { data: (WebhookDelivery)[]; next: string | null } };
  /** What all webhooks and callbacks were told, the newest first. */
  listWebhookDeliveries: { takes: { query?: { limit?: number; cursor?: string; status?: string; event?: string; execution_id?: string; webhook_id?: string } }; gives: { data: (WebhookDelivery)[]; next: string | null } };
  /** One of them. */
  getWebhookDelivery: { takes: { params: { id: string } }; gives: WebhookDelivery };
  /** Tells it once more, under the same id. */
  redeliver: { takes: { params: { id: string } }; gives: WebhookDelivery };
  /** All there are, with what holds for the tenant, by key. */
  listSettings: { takes: {  }; gives: { data: (Setting)[] } };
  /** One of them. */
  getSetting: { takes: { params: { key: string } }; gives: Setting };
  /** Sets it for the tenant. */
  putSetting: { takes: { params: { key: string }; body: { value: number } }; gives: Setting };
  /** Takes back what the tenant set. */
  deleteSetting: { takes: { params: { key: string } }; gives: null };
};

/** The method and path of each. */
export const operations = {
  getCurrentAgent: ['GET', '/api/agents/current'],
  listAgents: ['GET', '/api/agents'],
  createAgent: ['POST', '/api/agents'],
  getAgent: ['GET', '/api/agents/{id}'],
  replaceAgent: ['PUT', '/api/agents/{id}'],
  changeAgent: ['PATCH', '/api/agents/{id}'],
  deleteAgent: ['DELETE', '/api/agents/{id}'],
  setDefaultAgent: ['POST', '/api/agents/{id}/set-default'],
  listAgentVersions: ['GET', '/api/agents/{id}/versions'],
  getAgentPerformance: ['GET', '/api/agents/{id}/performance'],
  execute: ['POST', '/api/execute'],
  listExecutions: ['GET', '/api/executions'],
  getExecution: ['GET', '/api/executions/{id}'],
  listExecutionChildren: ['GET', '/api/executions/{id}/children'],
  listExecutionSteps: ['GET', '/api/executions/{id}/steps'],
  listExecutionMessages: ['GET', '/api/executions/{id}/messages'],
  explainExecution: ['GET', '/api/executions/{id}/explanation'],
  compareExecutions: ['GET', '/api/executions/{id}/compare/{other_id}'],
  cancelExecution: ['POST', '/api/executions/{id}/cancel'],
  pauseExecution: ['POST', '/api/executions/{id}/pause'],
  resumeExecution: ['POST', '/api/executions/{id}/resume'],
  retryExecution: ['POST', '/api/executions/{id}/retry'],
  forkExecution: ['POST', '/api/executions/{id}/fork'],
  inspectExecution: ['GET', '/api/executions/{id}/row'],
  listExecutionTree: ['GET', '/api/executions/{id}/tree'],
  listExecutionQuestions: ['GET', '/api/executions/{id}/questions'],
  listSteps: ['GET', '/api/steps'],
  giveFeedback: ['POST', '/api/executions/{id}/feedback'],
  listFeedback: ['GET', '/api/executions/{id}/feedback'],
  query: ['POST', '/query'],
  listQuestions: ['GET', '/api/questions'],
  getQuestion: ['GET', '/api/questions/{id}'],
  answerQuestion: ['POST', '/api/questions/{id}/answer'],
  startSession: ['POST', '/sessions'],
  listSessions: ['GET', '/sessions'],
  getSession: ['GET', '/sessions/{sid}'],
  switchAgent: ['PUT', '/sessions/{sid}/agent'],
  sendMessage: ['POST', '/sessions/{sid}/messages'],
  forkSession: ['POST', '/sessions/{sid}/fork'],
  answerInSession: ['POST', '/sessions/{sid}/answers'],
  getSessionState: ['GET', '/sessions/{sid}/state'],
  getSessionHistory: ['GET', '/sessions/{sid}/history'],
  getSessionUsage: ['GET', '/sessions/{sid}/usage'],
  getTodolist: ['GET', '/sessions/{sid}/artifacts/todolist.md'],
  applyAgentSystem: ['POST', '/agent-systems', 'application/yaml'],
  listAgentSystems: ['GET', '/agent-systems'],
  checkAgentSystems: ['POST', '/agent-systems/check'],
  getAgentSystem: ['GET', '/agent-systems/{id}'],
  exportAgentSystem: ['GET', '/agent-systems/{id}/export'],
  listWorkflows: ['GET', '/api/workflows'],
  createWorkflow: ['POST', '/api/workflows'],
  getWorkflow: ['GET', '/api/workflows/{id}'],
  replaceWorkflow: ['PUT', '/api/workflows/{id}'],
  changeWorkflow: ['PATCH', '/api/workflows/{id}'],
  deleteWorkflow: ['DELETE', '/api/workflows/{id}'],
  listWorkflowVersions: ['GET', '/api/workflows/{id}/versions'],
  getWorkflowPerformance: ['GET', '/api/workflows/{id}/performance'],
  listModels: ['GET', '/api/models'],
  createModel: ['POST', '/api/models'],
  getModel: ['GET', '/api/models/{id}'],
  replaceModel: ['PUT', '/api/models/{id}'],
  changeModel: ['PATCH', '/api/models/{id}'],
  deleteModel: ['DELETE', '/api/models/{id}'],
  listPrompts: ['GET', '/api/prompts'],
  createPrompt: ['POST', '/api/prompts'],
  getPrompt: ['GET', '/api/prompts/{id}'],
  replacePrompt: ['PUT', '/api/prompts/{id}'],
  changePrompt: ['PATCH', '/api/prompts/{id}'],
  deletePrompt: ['DELETE', '/api/prompts/{id}'],
  listPromptVersions: ['GET', '/api/prompts/{id}/versions'],
  listToolRegistry: ['GET', '/tools'],
  listTools: ['GET', '/api/tools'],
  createTool: ['POST', '/api/tools'],
  getTool: ['GET', '/api/tools/{id}'],
  replaceTool: ['PUT', '/api/tools/{id}'],
  changeTool: ['PATCH', '/api/tools/{id}'],
  deleteTool: ['DELETE', '/api/tools/{id}'],
  listMcpServers: ['GET', '/api/mcp-servers'],
  createMCPServer: ['POST', '/api/mcp-servers'],
  getMCPServer: ['GET', '/api/mcp-servers/{id}'],
  replaceMCPServer: ['PUT', '/api/mcp-servers/{id}'],
  changeMCPServer: ['PATCH', '/api/mcp-servers/{id}'],
  deleteMCPServer: ['DELETE', '/api/mcp-servers/{id}'],
  listResources: ['GET', '/api/resources'],
  createResource: ['POST', '/api/resources'],
  getResource: ['GET', '/api/resources/{id}'],
  replaceResource: ['PUT', '/api/resources/{id}'],
  changeResource: ['PATCH', '/api/resources/{id}'],
  deleteResource: ['DELETE', '/api/resources/{id}'],
  listAlertRules: ['GET', '/api/alert-rules'],
  createAlertRule: ['POST', '/api/alert-rules'],
  getAlertRule: ['GET', '/api/alert-rules/{id}'],
  replaceAlertRule: ['PUT', '/api/alert-rules/{id}'],
  changeAlertRule: ['PATCH', '/api/alert-rules/{id}'],
  deleteAlertRule: ['DELETE', '/api/alert-rules/{id}'],
  getResourceContent: ['GET', '/api/resources/{id}/content'],
  listWebhooks: ['GET', '/api/webhooks'],
  createWebhook: ['POST', '/api/webhooks'],
  getWebhook: ['GET', '/api/webhooks/{id}'],
  replaceWebhook: ['PUT', '/api/webhooks/{id}'],
  changeWebhook: ['PATCH', '/api/webhooks/{id}'],
  deleteWebhook: ['DELETE', '/api/webhooks/{id}'],
  listDeliveriesOfWebhook: ['GET', '/api/webhooks/{id}/deliveries'],
  listWebhookDeliveries: ['GET', '/api/webhook-deliveries'],
  getWebhookDelivery: ['GET', '/api/webhook-deliveries/{id}'],
  redeliver: ['POST', '/api/webhook-deliveries/{id}/redeliver'],
  listSettings: ['GET', '/api/settings'],
  getSetting: ['GET', '/api/settings/{key}'],
  putSetting: ['PUT', '/api/settings/{key}'],
  deleteSetting: ['DELETE', '/api/settings/{key}'],
} as const satisfies Record<keyof Operations, readonly [method: string, path: string, type?: string]>;
