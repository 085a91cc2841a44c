// Generated from the routes of src/api/rest: npm run generate. Parameters and responses of the REST API, by operation.

export type Problem = { type: string; title: string; status: number; detail: string; code: string; hint?: string; field?: string };

export type Agent = { id: string; name: string; description: string; instruction: string; system_prompt: string | null; use_history: boolean; human_input: boolean; is_active: boolean; is_default: boolean; user_id: string | null; engine: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration: { [name: string]: unknown }; capabilities: (string)[]; domain: string | null; output_schema: { [name: string]: unknown } | null; context_policy: "trim" | "summarize" | "none"; allow_empty: boolean; prompt_id: string | null; prompt_values: { [name: string]: unknown }; max_steps: number | null; max_tokens: number | null; max_cost: number | null; max_seconds: number | null; retry_for: number | null; cache_answers_for: number | null; working_memory: string | null; memory_policy: { [name: string]: unknown } | null; is_restricted: boolean; agent_system_id: string | null; current_version_id: string | null; created_at: string; updated_at: string; agent_id: string; active: boolean; version: number | null; model: string | null; models: (string)[]; request_params: { [name: string]: unknown }; tools: (string)[]; servers: (string)[]; skills: (string)[]; knowledge_bases: (string)[]; llm_provider_config: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; tts_provider_config: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; stt_provider_config: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null };

export type Version = { version: number; digest: string; labels: (string)[]; created_by: string; created_at: string; definition: { [name: string]: unknown } };

export type VersionChange = { place: string; op: "add" | "remove" | "replace"; path: string; old: unknown; new: unknown; operation: { [name: string]: unknown }; text: string };

export type VersionLabel = { label: string; version: number; created_at: string; updated_at: string };

export type Execution = { id: string; execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; agent_id: string | null; agent: string | null; agent_version_id: string | null; workflow_id: string | null; workflow: string | null; workflow_version_id: string | null; session_id: string | null; turn: number | null; user_id: string | null; parent_execution_id: string | null; root_execution_id: string; forked_from_execution_id: string | null; forked_from_seq: number | null; input: string; input_data: unknown; input_parts: unknown; output: string | null; output_data: unknown; stop_reason: string | null; finish_reason: "stop" | "tool_calls" | "length" | "content_filter" | "refusal" | null; error: { [name: string]: unknown } | null; tokens_in: number; tokens_out: number; cost: number; step_count: number; metrics: { [name: string]: unknown }; metadata: { [name: string]: unknown }; priority: number; idempotency_key: string | null; concurrency_key: string | null; debounce_key: string | null; created_by: string; run_at: string; created_at: string; started_at: string | null; completed_at: string | null };

export type ExecutionWithMessages = { id: string; execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; agent_id: string | null; agent: string | null; agent_version_id: string | null; workflow_id: string | null; workflow: string | null; workflow_version_id: string | null; session_id: string | null; turn: number | null; user_id: string | null; parent_execution_id: string | null; root_execution_id: string; forked_from_execution_id: string | null; forked_from_seq: number | null; input: string; input_data: unknown; input_parts: unknown; output: string | null; output_data: unknown; stop_reason: string | null; finish_reason: "stop" | "tool_calls" | "length" | "content_filter" | "refusal" | null; error: { [name: string]: unknown } | null; tokens_in: number; tokens_out: number; cost: number; step_count: number; metrics: { [name: string]: unknown }; metadata: { [name: string]: unknown }; priority: number; idempotency_key: string | null; concurrency_key: string | null; debounce_key: string | null; created_by: string; run_at: string; created_at: string; started_at: string | null; completed_at: string | null; messages: (Message)[]; messages_next: string | null; children: ({ id: string; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; input: string; output: string | null; tokens_in: number; tokens_out: number; cost: number })[]; children_next: string | null };

export type Message = { id: string; seq: number; step_seq: number | null; parent_seq: number | null; role: "system" | "user" | "assistant" | "tool"; content: string | null; parts: unknown; tool_calls: unknown; tool_call_id: string | null; agent_id: string | null; trust: "system" | "user" | "internal" | "external"; tokens_in: number; tokens_out: number; created_at: string };

export type Step = { seq: number; kind: string; name: string | null; call_id: string | null; input: unknown; output: unknown; error: { [name: string]: unknown } | null; annotations: { [name: string]: unknown } | null; model_id: string | null; tokens_in: number; tokens_out: number; cost: number; started_at: string; finished_at: string; said?: string | null; calls?: string | null };

export type Explanation = { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; since: string; reason: string; summary: string; blocked_by: ({ kind: string; id: string | null; name: string | null; detail: string })[]; next: ({ action: string; id: string | null })[] };

export type Comparison = { is_same: boolean | null; a: RunFigures; b: RunFigures; shared_steps: number; began: (TextDifference)[]; steps: { same: number; changed: number; only_a: number; only_b: number; parts_at: number | null; changes: ({ what: "changed" | "only_a" | "only_b"; a: number | null; b: number | null; kind: string; name: string | null; differences: (TextDifference)[] })[]; left_off: number }; ended: (TextDifference)[] };

export type RunFigures = { execution_id: string; agent: string | null; workflow: string | null; version: number | null; forked_from_execution_id: string | null; forked_from_seq: number | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; stop_reason: string | null; finish_reason: string | null; is_erased: boolean; is_encrypted: boolean; created_at: string; seconds: number | null; steps: number; model_calls: number; tool_calls: number; retries: number; tokens_in: number; tokens_out: number; cost: number; total_tokens_in: number; total_tokens_out: number; total_cost: number; children: ({ agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; runs: number; cost: number })[] };

export type TextDifference = { field: string; a: string | null; b: string | null };

export type ControlledExecution = { id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled" | null; error: ErrorOfRow | null };

export type ErrorOfRow = { code: string; message: string; detail: unknown; hint: string | null };

export type WholeExecution = { id: string; tenant_id: string; root_execution_id: string; tokens_in: number; tokens_out: number; run_at: string; active_ms: number; created_at: string; updated_at: string; children_tokens_in: number; children_tokens_out: number; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; step_count: number; model_count: number; message_count: number; max_steps: number; max_seconds: number; fence: number; live_children: number; messages_at_retry: number; moves: number; members_waiting: number; handoffs: number; input_trust: string; trust: string; depth: number; priority: number; crashes_without_progress: number; at_risk: boolean; has_inbox: boolean; is_pause_requested: boolean; agent_id: string | null; agent_version_id: string | null; session_id: string | null; user_id: string | null; parent_execution_id: string | null; owner_worker: string | null; forked_from_execution_id: string | null; compensates_execution_id: string | null; workflow_id: string | null; workflow_version_id: string | null; table_trigger_id: string | null; max_tokens: number | null; active_since: string | null; wake_at: string | null; started_at: string | null; completed_at: string | null; contents_erased_at: string | null; debounced_at: string | null; turn: number | null; waiting_for: string | null; stop_reason: string | null; forked_from_seq: number | null; paused_from: string | null; wakes_on: string | null; members_at_once: number | null; debounce_ms: number | null; cost: number; children_cost: number; max_cost: number | null; input: string; metrics: { [name: string]: unknown }; metadata: { [name: string]: unknown }; created_by: string; ancestors: (string)[]; input_data: unknown; output: string | null; output_data: unknown; error: { [name: string]: unknown } | null; idempotency_key: string | null; parent_call_id: string | null; first_limits: unknown; input_parts: unknown; overrides: unknown; history: unknown; client_tools: unknown; concurrency_key: string | null; debounce_key: string | null; input_hits: unknown; contents_encrypted_at: string | null; finish_reason: "stop" | "tool_calls" | "length" | "content_filter" | "refusal" | null; started_by_execution_id: string | null; agent: string | null; agent_version: number | null; workflow: string | null; workflow_version: number | null };

export type RunInTree = { execution_id: string; parent_execution_id: string | null; depth: number; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; stop_reason: string | null; finish_reason: "stop" | "tool_calls" | "length" | "content_filter" | "refusal" | null; tokens_in: number; tokens_out: number; cost: number; total_tokens_in: number; total_tokens_out: number; total_cost: number; started_at: string | null; completed_at: string | null; path: (string)[] };

export type QuestionInTheWay = { id: string; kind: "question" | "approval" | "effect"; execution_id: string; prompt: string; options: (unknown)[] | null; schema: { [name: string]: unknown } | null; tool_call: unknown; preview: unknown; expires_at: string | null };

export type LoggedStep = { execution_id: string; seq: number; agent: string | null; kind: string; name: string | null; started_at: string; finished_at: string; ms: number; tokens_in: number; tokens_out: number; cost: number; error: { [name: string]: unknown } | null };

export type Feedback = { id: string; execution_id: string; message_seq: number | null; score: number | null; comment: string | null; created_by: string; source: "person" | "program" | "agent" | "outcome"; is_reward: boolean; outcome: string | null; is_reported: boolean; created_at: string; updated_at: string };

export type Question = { id: string; kind: "question" | "approval" | "effect"; status: "open" | "answered" | "expired" | "cancelled"; execution_id: string; root_execution_id: string; session_id: string | null; prompt: string; options: (unknown)[] | null; schema: { [name: string]: unknown } | null; tool_call: unknown; preview: unknown; required_role: string | null; answer: string | null; answer_data: unknown; answered_by: string | null; answered_at: string | null; expires_at: string | null; default_answer: string | null; created_at: string };

export type AnsweredQuestion = { id: string; status: "open" | "answered" | "expired" | "cancelled" | null; error: ErrorOfRow | null };

export type WatchedRow = { id: string; execution_id: string; table: string; row_key: { [name: string]: unknown }; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled" | null; into_column: string | null; write_back: "waiting" | "written" | "superseded" | "gone" | "failed" | null; error: { [name: string]: unknown } | null; written_at: string | null; created_at: string; current_row: unknown };

export type Session = { id: string; title: string | null; agent_id: string | null; agent: string | null; workflow_id: string | null; workflow: string | null; user_id: string | null; policy: "queue" | "reject" | "interrupt" | "steer"; state: { [name: string]: unknown }; turns: number; live_execution_id: string | null; forked_from_session_id: string | null; forked_from_turn: number | null; last_activity_at: string; created_at: string; updated_at: string };

export type AgentSystem = { id: string; name: string; description: string; orchestrator: string | null; version: number; digest: string; created_at: string; updated_at: string; resolved: { [name: string]: unknown } };

export type Me = { user_id: string | null; username: string | null; role: "owner" | "admin" | "member" | "viewer" | null; tenant_id: string | null; tenant: string | null; scopes: (string)[] | null; permissions: (string)[] };

export type KnownModel = { vendor: string; name: string; title: string | null; purpose: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; aliases: (string)[]; context_tokens: number | null; max_output_tokens: number | null; input_modalities: (string)[] | null; output_modalities: (string)[] | null; capabilities: { [name: string]: unknown }; input_price: number | null; cached_input_price: number | null; cache_write_price: number | null; output_price: number | null; unit_price: number | null; price_unit: string | null; as_of: string; source: string; facts_source: string };

export type StepRequest = { model: { name: string; provider: string; model: string; base_url: string | null; request_params: { [name: string]: unknown } }; messages: ({ role: string; content: string | null; parts?: ({ [name: string]: unknown })[]; tool_calls?: ({ [name: string]: unknown })[]; tool_call_id?: string })[]; tools: ({ [name: string]: unknown })[]; tool_choice: string | null; output_schema: unknown };

export type TodoList = { content: string; version: string };

export type Setting = { key: string; value: number | null; source: "tenant" | "system" | "default"; default_value: number | null; minimum: number; maximum: number; description: string };

export type Workflow = { id: string; name: string; description: string; type: "chain" | "parallel" | "router" | "orchestrator" | "evaluator_optimizer" | "voting" | "map" | "graph"; instruction: string; configuration: { [name: string]: unknown }; is_active: boolean; max_steps: number | null; max_tokens: number | null; max_cost: number | null; max_seconds: number | null; is_restricted: boolean; agent_system_id: string | null; current_version_id: string | null; created_at: string; updated_at: string; workflow_id: string; active: boolean; version: number | null; members: ({ [name: string]: unknown })[] };

export type ModelTest = { ok: boolean; purpose: string; provider: string; model: string; seconds: number; answer?: string; tool_call?: boolean; vector_length?: number; audio_bytes?: number; image_bytes?: number; width?: number; height?: number; media_type?: string; ranking?: ({ document: string; score: number })[]; text?: string; usage?: { [name: string]: unknown }; units?: { [name: string]: unknown }; cost?: number; warnings?: (string)[]; error?: { code: string; message: string; hint: string } };

export type Prompt = { id: string; name: string; description: string; template: string; variables: { [name: string]: unknown }; agent_system_id: string | null; created_at: string; updated_at: string };

export type Skill = { id: string; name: string; description: string; content: string; is_active: boolean; agent_system_id: string | null; created_at: string; updated_at: string; agents: (string)[] };

export type Schedule = { id: string; name: string; cron: string; timezone: string; agent_id: string | null; workflow_id: string | null; input: string; input_data: unknown; metadata: { [name: string]: unknown }; session_id: string | null; priority: number; concurrency_key: string | null; overlap_policy: "allow" | "skip" | "cancel"; catchup_policy: "skip" | "one" | "all"; is_active: boolean; user_id: string | null; next_at: string | null; retry_at: string | null; last_at: string | null; last_execution_id: string | null; last_error: { [name: string]: unknown } | null; created_at: string; updated_at: string; runs: string | null };

export type Webhook = { id: string; url: string; events: (string)[]; description: string; agent_id: string | null; workflow_id: string | null; secret_name: string | null; previous_secret_name: string | null; is_active: boolean; disabled_because: string | null; created_at: string; updated_at: string };

export type NewWebhook = { id: string; url: string; events: (string)[]; description: string; agent_id: string | null; workflow_id: string | null; secret_name: string | null; previous_secret_name: string | null; is_active: boolean; disabled_because: string | null; created_at: string; updated_at: string; signing_key: string | null };

export type SigningKey = { signing_key: string; secret_name: string; previous_secret_name: string | null };

export type WebhookDelivery = { id: string; webhook_id: string | null; execution_id: string | null; alert_rule_id: string | null; event: string; url: string; status: "pending" | "delivered" | "failed"; attempts: number; next_attempt_at: string | null; last_attempt_at: string | null; last_status: number | null; last_error: string | null; delivered_at: string | null; payload: { [name: string]: unknown }; created_at: string };

export type InboundHook = { id: string; name: string; description: string; verification: "standard_webhooks" | "github" | "stripe" | "slack" | "shared_secret"; secret_name: string; previous_secret_name: string | null; secret_header: string | null; agent_id: string | null; workflow_id: string | null; condition: string | null; mapping: { [name: string]: string }; session_key: string | null; debounce_key: string | null; debounce_ms: number | null; reply: { [name: string]: string } | null; is_active: boolean; user_id: string | null; created_at: string; updated_at: string; path: string; runs: string | null };

export type InboundHookTest = { result: "accepted" | "ignored" | "failed"; reason?: string; field?: string; message?: string; values?: { [name: string]: unknown } };

export type InboundDelivery = { id: string; inbound_hook_id: string; status: "accepted" | "ignored" | "failed" | "refused"; requests: number; bytes: number | null; execution_id: string | null; delivery_id: string | null; reply: { [name: string]: unknown } | null; error: { [name: string]: unknown } | null; received_at: string; last_received_at: string };

export type Integration = { id: string; name: string; description: string; resource_url: string; account_scope: "tenant" | "user"; grant_type: "authorization_code" | "client_credentials"; scopes: (string)[]; issuer: string | null; endpoints: { [name: string]: unknown } | null; client_id: string | null; secret_name: string | null; sends_resource: boolean; is_active: boolean; created_at: string; updated_at: string; connected_accounts: number };

export type ConnectedAccount = { id: string; integration_id: string; user_id: string | null; status: "pending" | "connected" | "expired" | "revoked" | "failed"; scopes: (string)[]; expires_at: string | null; connected_at: string | null; refreshed_at: string | null; error: string | null; created_at: string; updated_at: string; integration: string; user: string | null };

export type KnowledgeBase = { id: string; name: string; domain: string | null; language: string; detects_language: boolean; chunking: { [name: string]: unknown }; trust: "system" | "user" | "internal" | "external"; embedding_model_id: string | null; ranking: { [name: string]: unknown }; rerank_model_id: string | null; rerank_candidates: number; ocr_model_id: string | null; records_searches: boolean; created_at: string; updated_at: string; agents: (string)[] };

export type Document = { id: string; knowledge_base_id: string; title: string; type: string; metadata: { [name: string]: unknown }; language: string | null; resource_id: string | null; owns_resource: boolean; url: string | null; reread_seconds: number | null; status: "pending" | "working" | "ready" | "failed"; status_at: string; error: { [name: string]: unknown } | null; read_at: string | null; detected_language: string | null; digest: string; created_by: string; created_at: string; updated_at: string };

export type FoundChunk = { document_id: string; chunk_seq: number; content: string; score: number; ranks: { [name: string]: unknown }; knowledge_base: string; title: string; heading_path: (string)[]; start_offset: number; end_offset: number; trust: "system" | "user" | "internal" | "external" };

export type KnowledgeBaseState = { pending: number; working: number; ready: number; failed: number; chunks: number; vectors: { status: "building" | "ready" | "changing"; dimensions: number | null; waiting: number; refused: number; tokens: number; cost: number; error: { [name: string]: unknown } | null } | null; reranking: { model: string; candidates: number; calls: number; failures: number; tokens: number; cost: number; error: { [name: string]: unknown } | null } | null; recognition: { model: string; pages: number; failures: number; tokens: number; cost: number; error: { [name: string]: unknown } | null } | null };

export type ReplayedSearch = { execution_id: string | null; step_seq: number | null; search_id: string; searched_at: string; query: string; times: number; recorded_reranked: boolean; used_reranked: boolean; recorded: number; found: number; kept: number; overlap: number; changes: ({ document_id: string; title: string | null; before: number | null; after: number | null })[] };

export type RankingFit = { status: "pending" | "failed" | "fitted"; questions?: number; waiting?: number; error?: { [name: string]: unknown }; weights?: { text: number; vector: number }; fitted?: { [name: string]: unknown } };

export type KnowledgeBaseHealth = { pending: number; failed: number; waiting_since: string | null; searches: number; searches_without_results: number; searches_repeated: number; searches_not_reranked: number; direct_searches: number; direct_searches_without_results: number; stale_answers: number };

export type StaleAnswer = { execution_id: string; answered_at: string; start_offset: number; end_offset: number; chunk_number: number; document_id: string; title: string | null; reason: "changed" | "deleted" };

export type AnswerSource = { start_offset: number; end_offset: number; chunk_number: number; document_id: string; knowledge_base: string | null; title: string | null; heading_path: (string)[]; content: string | null; chunk_seq: number | null; is_current: boolean; cited_by_execution_id: string };

export type Chunk = { id: string; seq: number; heading_path: (string)[]; start_offset: number; end_offset: number; page: number | null; trust: "system" | "user" | "internal" | "external"; content: string };

export type SearchHit = { rank: number; score: number; rerank_rank: number | null; rerank_score: number | null; terms: (string)[]; knowledge_base_id: string; knowledge_base: string | null; document_id: string; title: string | null; heading_path: (string)[]; content: string | null; chunk_seq: number | null; is_current: boolean };

export type FoundMemory = { id: string; scope: "user" | "agent" | "session" | "tenant"; subject_id: string; kind: "fact" | "preference" | "procedure" | "episode"; content: string; score: number; trust: "system" | "user" | "internal" | "external"; valid_from: string; source_execution_id: string | null; source_seq: number | null };

export type Memory = { id: string; scope: "user" | "agent" | "session" | "tenant"; subject_id: string; kind: "fact" | "preference" | "procedure" | "episode"; content: string; trust: "system" | "user" | "internal" | "external"; is_pinned: boolean; valid_from: string; valid_to: string | null; superseded_by: string | null; source_execution_id: string | null; source_seq: number | null; created_by: string; created_at: string; proposal_status: "open" | "approved" | "rejected" | null; proposed_at: string | null; decided_at: string | null; decided_by: string | null; origin_id: string | null; origin_changed_at: string | null };

export type DataSet = { id: string; name: string; description: string | null; created_at: string; updated_at: string; items: number };

export type Item = { id: string; dataset_id: string; input: string; input_data: unknown; input_parts: ({ [name: string]: unknown })[] | null; history: ({ [name: string]: unknown })[] | null; expected: unknown; split: string | null; metadata: { [name: string]: unknown }; removed_at: string | null; source_execution_id: string | null; source_seq: number | null; source_version_id: string | null; source_user_id: string | null; source_user_ids: (string)[] | null; trust: "system" | "user" | "internal" | "external"; created_by: string; created_at: string };

export type Evaluation = { id: string; dataset_id: string; grading_rule_id: string | null; agent_id: string | null; workflow_id: string | null; version_id: string; version: number; label: string | null; split: string | null; model: string | null; overrides: { [name: string]: unknown } | null; status: "running" | "completed" | "cancelled"; items: number; repeats: number; items_at: string | null; since_at: string | null; until_at: string | null; totals: { [name: string]: unknown }; graders: unknown; created_by: string; created_at: string; completed_at: string | null; agent: string | null; workflow: string | null; dataset: string | null };

export type GradedAgain = { evaluation_id: string; results: number };

export type EvaluationComparison = { a: { id: string; version: number; label: string | null; status: string; totals: { [name: string]: unknown } }; b: { id: string; version: number; label: string | null; status: string; totals: { [name: string]: unknown } }; is_paired: boolean; has_equal_items: boolean; has_equal_graders: boolean; items: number; pass_rate: ComparedFigure; score: ComparedFigure; cost: ComparedFigure; latency_ms: ComparedFigure; slices: ({ key: string; value: string; items: number; pass_rate: ComparedFigure })[]; regressions: ({ item_id: string; input: string | null; passed_a: number; passed_b: number; execution_id_a: string | null; execution_id_b: string | null })[]; improvements: ({ item_id: string; input: string | null; passed_a: number; passed_b: number; execution_id_a: string | null; execution_id_b: string | null })[] };

export type ComparedFigure = { a: number | null; b: number | null; difference: number | null; low: number | null; high: number | null; verdict: string | null };

export type EvaluationCheck = { passed: boolean; faults: (string)[]; baseline_id: string | null; comparison: EvaluationComparison | null };

export type EvaluationItem = { item_id: string; input: string; input_data: unknown; expected: unknown; split: string | null; runs: number; graded: number; passed: number; pass_rate: number | null; flakiness: number | null; score: number | null; score_deviation: number | null; cost: number | null; latency_ms: number | null; confidence: number | null };

export type GraderAgreement = { grader: string | null; results: number; people: number; agreement: number; kappa: number | null; kappa_low: number | null; kappa_high: number | null; mean_difference: number; low: number | null; high: number | null; verdict: string | null; length_bias: number | null; length_low: number | null; length_high: number | null; length_verdict: string | null; position_bias: number | null; position_low: number | null; position_high: number | null; position_verdict: string | null; calibration_error: number | null };

export type GraderDisagreement = { evaluation_result_id: string; item_id: string | null; execution_id: string | null; person_score: number; grader_score: number; detail: string | null; comments: (string)[] };

export type RubricExample = { output: unknown; score: number; reason: string; item_id: string };

export type Contender = { rank: number; evaluation_id: string; name: string | null; agent_id: string | null; workflow_id: string | null; version: number; label: string | null; model: string | null; overrides: { [name: string]: unknown } | null; items: number; ungraded_items: number; repeats: number; pass_rate: number; pass_rate_low: number | null; pass_rate_high: number | null; score: number | null; cost: number | null; cost_per_pass: number | null; latency_ms: number | null; flakiness: number | null; flaky_items: number; strength: number | null; difference: number | null; difference_low: number | null; difference_high: number | null; verdict: string | null; is_on_front: boolean | null; confidence: number | null; calibration_error: number | null; brier_score: number | null };

export type QualityOfDay = { day: string; dataset_id: string; dataset: string; agent_id: string | null; agent: string | null; workflow_id: string | null; workflow: string | null; version: number; split: string | null; source: "items" | "runs"; grader: string | null; results: number; passed: number; pass_rate: number; pass_rate_low: number | null; pass_rate_high: number | null; score: number | null; cost: number; cost_per_pass: number | null };

export type Grade = { id: string; evaluation_id: string; evaluation_result_id: string; user_id: string | null; grader: string | null; score: number; comment: string | null; created_at: string; updated_at: string };

export type QueuedGrade = { evaluation_result_id: string; evaluation_id: string; item_id: string | null; input: string; input_data: unknown; input_parts: unknown; history: unknown; expected: unknown; output: string | null; output_data: unknown; graders: (string)[] };

export type TrainingExample = { execution_id: string; dataset_id: string | null; item_id: string | null; agent_id: string | null; agent_version_id: string | null; workflow_id: string | null; workflow_version_id: string | null; source: string; score: number; input: string; input_data: unknown; output: string | null; output_data: unknown; history: ({ role: "user" | "assistant"; content: string; data?: unknown })[]; split: string | null };

export type PreferencePair = { rejected_execution_id: string; chosen_execution_id: string; dataset_id: string | null; item_id: string | null; agent_id: string | null; workflow_id: string | null; chosen_score: number; rejected_score: number; input: string; input_data: unknown; chosen: string | null; chosen_data: unknown; rejected: string | null; rejected_data: unknown; history: ({ role: "user" | "assistant"; content: string; data?: unknown })[]; split: string | null };

export type User = { id: string; username: string; email: string | null; role: "owner" | "admin" | "member" | "viewer"; is_active: boolean; created_at: string; updated_at: string };

export type ApiKey = { id: string; name: string; prefix: string; tenant_id: string; user_id: string | null; role: "owner" | "admin" | "member" | "viewer"; scopes: ("read" | "run" | "edit" | "manage")[] | null; expires_at: string | null; last_used_at: string | null; revoked_at: string | null; created_by: string; created_at: string; made_without_login: boolean; tenant: string; user: string | null; state: "good" | "revoked" | "expired" | "inactive" };

export type Secret = { id: string; name: string; fingerprint: string; last_four: string | null; version: number; created_by: string | null; rotated_at: string | null; created_at: string; updated_at: string; models: (string)[] };

export type AuditEntry = { seq: number; id: string; created_at: string; actor: string; user_id: string | null; api_key_id: string | null; login: string; client: string; action: string; object: string; object_id: string; changed: (string)[] | null; detail: { [name: string]: unknown } | null; before_digest: string | null; after_digest: string | null; hash: string };

export type AuditCheck = { checked: number; through: number; last_seq: number; fault: "changed" | "missing" | "truncated" | "forged" | null; fault_seq: number | null; checkpoint_seq: number | null; checkpoint_at: string | null };

export type QueueState = { status: "queued" | "running" | "waiting" | "paused"; waiting_for: "child" | "question" | "timer" | "turn" | "quota" | null; runs: number; due_runs: number; oldest_due_at: string | null; oldest_due_id: string | null; next_due_at: string | null };

export type NextRun = { execution_id: string; status: "queued" | "waiting"; agent: string | null; workflow: string | null; priority: number; created_at: string; due_at: string };

export type LiveWorker = { started_at: string; heartbeat_at: string; is_dedicated: boolean; running_runs: number };

export type Violation = { rule: string; execution_id: string | null; detail: string };

export type BatchJob = { name: string; description: string; is_paused: boolean; can_pause: boolean; waiting: number | null; later: number | null; failing: number | null; oldest_due_at: string | null; last_error: string | null };

export type Approval = { id: string; tool: string; scope: "run" | "session" | "agent"; trust: "system" | "user" | "internal" | "external"; execution_id: string | null; session_id: string | null; agent_id: string | null; created_by: string; created_at: string; agent: string | null };

export type Grant = { id: string; agent_id: string | null; workflow_id: string | null; user_id: string | null; role: "owner" | "admin" | "member" | "viewer" | null; permission: "read" | "run" | "edit"; created_at: string; updated_at: string; agent: string | null; workflow: string | null; user: string | null };

export type Hook = { id: string; event: "before_run" | "after_setup" | "message_sent" | "tool_before" | "tool_after" | "execution_complete"; function: string; agent_id: string | null; workflow_id: string | null; position: number; timeout_ms: number; is_active: boolean; created_at: string; updated_at: string; agent: string | null; workflow: string | null };

export type Limit = { id: string; scope: "tenant" | "user" | "agent" | "session" | "api_key" | "model" | "tool" | "key" | "system"; subject_id: string | null; key: string | null; metric: "requests" | "runs" | "tokens" | "cost" | "storage" | "running_runs" | "running_calls" | "calls"; period: "minute" | "hour" | "day" | "month" | null; max_value: number; is_imposed: boolean; created_at: string; updated_at: string };

export type OutputFilter = { id: string; name: string; agent_id: string | null; pattern: string; places: ("output" | "question" | "arguments" | "sql" | "message" | "board" | "file" | "input")[]; action: "flag" | "redact" | "block"; is_active: boolean; created_at: string; updated_at: string; agent: string | null };

export type RetentionPolicy = { id: string; keep_contents_days: number | null; keep_sessions_minutes: number; keep_runs_days: number | null; encrypt_contents: boolean; is_by_month: boolean; created_at: string; updated_at: string };

export type SavedView = { id: string; name: string; place: string; filter: { [name: string]: unknown }; is_shared: boolean; user_id: string | null; created_at: string; updated_at: string; saved_by: string | null };

export type ToolPolicy = { id: string; agent_id: string | null; tool_id: string | null; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom" | null; effect: "pure" | "idempotent" | "once" | null; min_trust: "system" | "user" | "internal"; decision: "allow" | "ask" | "deny"; created_at: string; updated_at: string; agent: string | null; tool: string | null };

export type AlertRule = { id: string; name: string; description: string; query: string | null; engine_check: string | null; interval_seconds: number; webhook_id: string | null; is_active: boolean; state: "unknown" | "clear" | "firing" | "failed"; found_rows: number | null; sample: ({ [name: string]: unknown })[] | null; last_error: string | null; last_at: string | null; changed_at: string | null; created_at: string; updated_at: string };

export type McpServer = { id: string; name: string; description: string; type: "stdio" | "http" | "filesystem" | "fetch"; configuration: { [name: string]: unknown }; trusts_annotations: boolean; is_active: boolean; server_info: { [name: string]: unknown } | null; discovered_at: string | null; error: string | null; failed_at: string | null; agent_system_id: string | null; created_at: string; updated_at: string; tools: ({ [name: string]: unknown })[] };

export type Model = { id: string; name: string; provider: string; model: string; purpose: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; domain: string | null; base_url: string | null; secret_name: string | null; capabilities: { [name: string]: unknown }; input_price: number | null; output_price: number | null; cached_input_price: number | null; cache_write_price: number | null; unit_price: number | null; price_unit: "minute" | "character" | "image" | "request" | null; context_tokens: number | null; request_params: { [name: string]: unknown }; fallback_position: number | null; prices_from: string | null; from_environment: boolean; agent_system_id: string | null; created_at: string; updated_at: string; agents: (string)[]; warnings: (string)[] };

export type Resource = { id: string; name: string; type: string; uri: string | null; sha256: string; metadata: { [name: string]: unknown }; execution_id: string | null; session_id: string | null; size: number; storage_path: string | null; created_by: string; created_at: string };

export type Search = { id: string; created_at: string; user_id: string | null; created_by: string | null; execution_id: string | null; step_seq: number | null; mode: string; knowledge_base_ids: (string)[]; k: number | null; filter: { [name: string]: unknown } | null; is_repeated: boolean; rerank_error: string | null; query: string | null; knowledge_bases: (string)[]; agent: string | null; results: number };

export type Tool = { id: string; name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases: (string)[]; description: string; capabilities: (string)[]; domain: string | null; parameters: { [name: string]: unknown }; configuration: { [name: string]: unknown }; effect: "pure" | "idempotent" | "once"; requires_approval: boolean; timeout_ms: number; cache_answers_for: number | null; compensation_tool_id: string | null; agent_id: string | null; workflow_id: string | null; is_active: boolean; server_id: string | null; agent_system_id: string | null; created_at: string; updated_at: string; agents: (string)[] };

export type Result = { id: string; evaluation_id: string; item_id: string | null; execution_id: string | null; repeat: number; passed: boolean | null; score: number | null; scores: { [name: string]: unknown }; error: { [name: string]: unknown } | null; tokens: number | null; cost: number | null; grading_cost: number | null; latency_ms: number | null; cached_answers: number; confidence: number | null; graded_at: string | null };

export type Grader = { id: string; name: string; kind: "exact" | "normalized" | "regex" | "json_schema" | "json_fields" | "numeric" | "sql" | "similarity" | "citation" | "trajectory" | "rubric" | "latency" | "cost"; dataset_id: string | null; configuration: { [name: string]: unknown }; weight: number; pass_score: number; created_at: string; updated_at: string; dataset: string | null };

export type GradingRule = { id: string; name: string; dataset_id: string; graders: (string)[] | null; agent_id: string | null; workflow_id: string | null; sample: number; interval_seconds: number; delay_seconds: number; is_active: boolean; next_at: string | null; last_at: string | null; graded_until_at: string | null; last_error: { [name: string]: unknown } | null; created_at: string; updated_at: string; grades: string | null; evaluations: number };

export type ResourceType = { name: string; path: string; table: string; command: string | null; one: string; many: string; name_field: string; list: (string)[]; filters: ({ name: string; label: string; description: string; schema: { [name: string]: unknown }; is_nullable: boolean; is_required: boolean; references: { resource: string; field: string } | null })[]; create: (string)[] | null; change: (string)[] | null; change_method: "PATCH" | "PUT" | null; can_delete: boolean; has_versions: boolean; has_labels: boolean; actions: ({ name: string; label: string; summary: string })[]; fields: ({ name: string; label: string; description: string; schema: { [name: string]: unknown }; is_nullable: boolean; is_required: boolean; is_column: boolean; is_shown: boolean; is_shown_once: boolean; references: { resource: string; field: string } | null })[] };

export type Operations = {
  /** Get the default agent. */
  getCurrentAgent: { takes: { query?: { session_id?: string } }; gives: Agent };
  /** List agents, newest first. */
  listAgents: { takes: { query?: { limit?: number; cursor?: string; name?: string; is_active?: "true" | "false"; domain?: string; capability?: string; agent_system_id?: string } }; gives: { data: (Agent)[]; next: string | null } };
  /** Create an agent. */
  createAgent: { takes: { body: { name: string; description?: string; instruction?: string; system_prompt?: string | null; use_history?: boolean; human_input?: boolean; is_active?: boolean; is_default?: boolean; user_id?: string | null; engine?: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration?: { [name: string]: unknown }; capabilities?: (string)[]; domain?: string | null; output_schema?: { [name: string]: unknown } | null; context_policy?: "trim" | "summarize" | "none"; allow_empty?: boolean; prompt_id?: string | null; prompt_values?: { [name: string]: unknown }; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; retry_for?: number | null; cache_answers_for?: number | null; working_memory?: string | null; memory_policy?: { [name: string]: unknown } | null; user?: string | null; prompt?: string | null; model?: string | null; models?: (string | { model: string; is_default?: boolean; request_params?: { [name: string]: unknown } })[]; request_params?: { [name: string]: unknown }; tools?: (string)[]; servers?: (string)[]; skills?: (string)[]; knowledge_bases?: (string)[]; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null } }; gives: Agent };
  /** Get an agent. */
  getAgent: { takes: { params: { id: string } }; gives: Agent };
  /** Replace an agent; fields that are left out take their defaults. */
  replaceAgent: { takes: { params: { id: string }; body: { name: string; description?: string; instruction?: string; system_prompt?: string | null; use_history?: boolean; human_input?: boolean; is_active?: boolean; is_default?: boolean; user_id?: string | null; engine?: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration?: { [name: string]: unknown }; capabilities?: (string)[]; domain?: string | null; output_schema?: { [name: string]: unknown } | null; context_policy?: "trim" | "summarize" | "none"; allow_empty?: boolean; prompt_id?: string | null; prompt_values?: { [name: string]: unknown }; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; retry_for?: number | null; cache_answers_for?: number | null; working_memory?: string | null; memory_policy?: { [name: string]: unknown } | null; user?: string | null; prompt?: string | null; model?: string | null; models?: (string | { model: string; is_default?: boolean; request_params?: { [name: string]: unknown } })[]; request_params?: { [name: string]: unknown }; tools?: (string)[]; servers?: (string)[]; skills?: (string)[]; knowledge_bases?: (string)[]; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; id?: unknown; is_restricted?: unknown; agent_system_id?: unknown; current_version_id?: unknown; created_at?: unknown; updated_at?: unknown; agent_id?: unknown; active?: unknown; version?: unknown } }; gives: Agent };
  /** Change fields of an agent. */
  changeAgent: { takes: { params: { id: string }; body: { name?: string; description?: string; instruction?: string; system_prompt?: string | null; use_history?: boolean; human_input?: boolean; is_active?: boolean; is_default?: boolean; user_id?: string | null; engine?: "builtin" | "http" | "openai" | "a2a" | "custom"; engine_configuration?: { [name: string]: unknown }; capabilities?: (string)[]; domain?: string | null; output_schema?: { [name: string]: unknown } | null; context_policy?: "trim" | "summarize" | "none"; allow_empty?: boolean; prompt_id?: string | null; prompt_values?: { [name: string]: unknown }; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; retry_for?: number | null; cache_answers_for?: number | null; working_memory?: string | null; memory_policy?: { [name: string]: unknown } | null; user?: string | null; prompt?: string | null; model?: string | null; models?: (string | { model: string; is_default?: boolean; request_params?: { [name: string]: unknown } })[]; request_params?: { [name: string]: unknown }; tools?: (string)[]; servers?: (string)[]; skills?: (string)[]; knowledge_bases?: (string)[]; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; active?: boolean } }; gives: Agent };
  /** Delete an agent. */
  deleteAgent: { takes: { params: { id: string } }; gives: null };
  /** Make an agent the default of its user or tenant. */
  setDefaultAgent: { takes: { params: { id: string } }; gives: Agent };
  /** List the versions of an agent, newest first. */
  listAgentVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** Get a version of an agent. */
  getAgentVersion: { takes: { params: { id: string; version: string } }; gives: Version };
  /** Compare two versions of an agent. */
  compareAgentVersions: { takes: { params: { id: string; version: string; other: string } }; gives: { data: (VersionChange)[] } };
  /** Restore an agent to a version. */
  restoreAgentVersion: { takes: { params: { id: string; version: string } }; gives: Agent };
  /** Give a version of an agent a label, or move the label to it. */
  labelAgentVersion: { takes: { params: { id: string; label: string }; body: { version: number } }; gives: VersionLabel };
  /** Remove a label from a version of an agent. */
  deleteAgentLabel: { takes: { params: { id: string; label: string } }; gives: null };
  /** Get statistics of the runs of an agent, by version. */
  getAgentPerformance: { takes: { params: { id: string } }; gives: { agent_id: string; agent: string; data: ({ version: number; runs: number; completed: number; failed: number; success_rate: number | null; steps_per_run: number; tokens_in: number; tokens_out: number; cost: number; seconds_p50: number | null; seconds_p95: number | null })[] } };
  /** Start a run of an agent or a workflow. */
  execute: { takes: { query?: { wait?: number }; body: { message: string; agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; version?: string; session_id?: string; input_data?: unknown; input_parts?: ({ [name: string]: unknown })[]; metadata?: { [name: string]: unknown }; priority?: number; run_at?: string; max_cost?: number; overrides?: { [name: string]: unknown }; idempotency_key?: string; concurrency_key?: string; debounce_key?: string; debounce_ms?: number; callback_url?: string; wait?: boolean | number; stream?: boolean; tree?: boolean } }; gives: { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; output: string | null; output_data: unknown; stop_reason: string | null; finish_reason: "stop" | "tool_calls" | "length" | "content_filter" | "refusal" | null; error: { [name: string]: unknown } | null; tokens_in: number; tokens_out: number; cost: number } | { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled" } };
  /** List runs, newest first. */
  listExecutions: { takes: { query?: { limit?: number; cursor?: string; status?: string; agent_id?: string; workflow_id?: string; session_id?: string; parent_execution_id?: string; forked_from_execution_id?: string; is_root?: "true" | "false"; is_mine?: "true" | "false"; metadata?: string; tag?: string; ref?: string } }; gives: { data: (Execution)[]; next: string | null } };
  /** Get a run with its messages and child runs. */
  getExecution: { takes: { params: { id: string } }; gives: ExecutionWithMessages };
  /** List the child runs that a run started itself, in order. */
  listExecutionChildren: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: ({ id: string; agent: string | null; workflow: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; input: string; output: string | null; tokens_in: number; tokens_out: number; cost: number })[]; next: string | null } };
  /** List the steps of a run, in order; each step is one commit. */
  listExecutionSteps: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; after?: number; said?: "true" | "false" } }; gives: { data: (Step)[]; next: string | null } };
  /** List the messages of a run, in order. */
  listExecutionMessages: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; after?: number } }; gives: { data: (Message)[]; next: string | null } };
  /** Explain the status of a run and the possible actions. */
  explainExecution: { takes: { params: { id: string } }; gives: Explanation };
  /** Compare a run with another run. */
  compareExecutions: { takes: { params: { id: string; other_id: string } }; gives: Comparison };
  /** Cancel a run and its child runs. */
  cancelExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Pause a run after the work in progress. */
  pauseExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Resume a paused run. */
  resumeExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Retry a failed or cancelled run after its last successful step. */
  retryExecution: { takes: { params: { id: string } }; gives: Execution };
  /** Cancel many runs and their child runs. */
  cancelExecutions: { takes: { body: { ids: (string)[] } }; gives: { data: (ControlledExecution)[] } };
  /** Pause many runs after the work in progress. */
  pauseExecutions: { takes: { body: { ids: (string)[] } }; gives: { data: (ControlledExecution)[] } };
  /** Resume many paused runs. */
  resumeExecutions: { takes: { body: { ids: (string)[] } }; gives: { data: (ControlledExecution)[] } };
  /** Retry many failed or cancelled runs after their last successful steps. */
  retryExecutions: { takes: { body: { ids: (string)[] } }; gives: { data: (ControlledExecution)[] } };
  /** Send input to a live or paused run, which receives it at its next step. */
  addExecutionInput: { takes: { params: { id: string }; body: { content: string; input_parts?: ({ [name: string]: unknown })[] } }; gives: Execution };
  /** Fork a run. */
  forkExecution: { takes: { params: { id: string }; body?: { seq?: number; input?: string; version?: number; input_data?: unknown; changes?: { [name: string]: unknown }; overrides?: { [name: string]: unknown } } }; gives: Execution };
  /** Get the whole record of a run, with limits, counters, versions and owner. */
  inspectExecution: { takes: { params: { id: string } }; gives: WholeExecution };
  /** List the runs of the tree of a run, with their usage. */
  listExecutionTree: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (RunInTree)[]; next: string | null } };
  /** List the open questions that block a run and its child runs. */
  listExecutionQuestions: { takes: { params: { id: string } }; gives: { data: (QuestionInTheWay)[] } };
  /** List the steps of all or some runs, newest first. */
  listSteps: { takes: { query?: { limit?: number; cursor?: string; execution_id?: string; session_id?: string; agent_id?: string; workflow_id?: string; status?: string; errors?: "true" | "false"; since?: string } }; gives: { data: (LoggedStep)[]; next: string | null; now: string } };
  /** Set your feedback on a run, replacing your earlier feedback. */
  giveFeedback: { takes: { params: { id: string }; body: { score?: number | null; comment?: string | null; message_seq?: number | null; user_id?: string | null; outcome?: string | null } }; gives: Feedback };
  /** List the feedback on a run, newest first. */
  listFeedback: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Feedback)[]; next: string | null } };
  /** Ask a question without naming an agent. */
  query: { takes: { body: { question: string; session_id?: string; metadata?: { [name: string]: unknown }; wait?: boolean | number } }; gives: { decision: { method: string; chosen: unknown; reason: string | null; candidates: unknown } | null; sql: string | null; rows: ({ [name: string]: unknown })[] | null; row_count: number | null; cut_by: string | null; execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; answer: string | null; error: { [name: string]: unknown } | null } | { execution_id: string; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled" } };
  /** List the questions that runs ask people, newest first. */
  listQuestions: { takes: { query?: { limit?: number; cursor?: string; status?: string; kind?: string; execution_id?: string; root_execution_id?: string; session_id?: string } }; gives: { data: (Question)[]; next: string | null } };
  /** Get a question. */
  getQuestion: { takes: { params: { id: string } }; gives: Question };
  /** Answer a question and resume its run; only the first answer counts. */
  answerQuestion: { takes: { params: { id: string }; body: { answer?: unknown; data?: unknown } }; gives: Question };
  /** Give one answer to many questions and resume their runs. */
  answerQuestions: { takes: { body: { ids: (string)[]; answer?: unknown; data?: unknown } }; gives: { data: (AnsweredQuestion)[] } };
  /** List the rows of watched tables with their runs, newest first. */
  listWatchedRows: { takes: { query?: { limit?: number; cursor?: string; table?: string; row?: string; execution_id?: string; status?: string; write_back?: string } }; gives: { data: (WatchedRow)[]; next: string | null } };
  /** Create a session. */
  startSession: { takes: { body?: { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; agent_system_id?: string; title?: string; policy?: "queue" | "reject" | "interrupt" | "steer"; state?: { [name: string]: unknown } } }; gives: Session };
  /** List sessions, newest first. */
  listSessions: { takes: { query?: { limit?: number; cursor?: string; user_id?: string; agent_id?: string; words?: string } }; gives: { data: (Session)[]; next: string | null } };
  /** Get a session. */
  getSession: { takes: { params: { sid: string } }; gives: Session };
  /** Set the agent or workflow of the next messages of a session. */
  switchAgent: { takes: { params: { sid: string }; body: { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string } }; gives: Session };
  /** Send a message to a session. */
  sendMessage: { takes: { params: { sid: string }; body: { content: string; input_parts?: ({ [name: string]: unknown })[]; stream?: boolean; tree?: boolean } }; gives: { session_id: string; execution_id: string; turn: number } };
  /** Fork a session at a turn, with another message. */
  forkSession: { takes: { params: { sid: string }; body: { content: string; input_parts?: ({ [name: string]: unknown })[]; turn?: number; stream?: boolean; tree?: boolean } }; gives: Session };
  /** Answer a question of a session; the oldest open question by default. */
  answerInSession: { takes: { params: { sid: string }; body: { question_id?: string; answer?: unknown; data?: unknown } }; gives: Question };
  /** Get the state of a session. */
  getSessionState: { takes: { params: { sid: string } }; gives: { version: number; tasks: ({ [name: string]: unknown })[]; awaiting_user_input: { [name: string]: unknown } | null; blocker: { [name: string]: unknown } | null } };
  /** List the last messages of a session, in order. */
  getSessionHistory: { takes: { params: { sid: string }; query?: { limit?: number; cursor?: string } }; gives: { data: ({ turn: number; who: string; said: string })[]; next: string | null } };
  /** Get the usage of a session, including child runs. */
  getSessionUsage: { takes: { params: { sid: string } }; gives: { runs: number; tokens_in: number; tokens_out: number; cost: number } };
  /** Get the todo list of a session as Markdown. */
  getTodolist: { takes: { params: { sid: string } }; gives: string };
  /** Apply the file of an agent system. */
  applyAgentSystem: { takes: { query?: { dry_run?: "true" | "false"; prune?: "true" | "false"; file?: string }; body: string }; gives: { id: string; name: string; version: number; digest: string; dry_run: boolean; objects: ({ [name: string]: unknown })[]; kept: ({ [name: string]: unknown })[]; warnings: (string)[] } };
  /** List agent systems, newest first. */
  listAgentSystems: { takes: { query?: { limit?: number; cursor?: string; name?: string } }; gives: { data: ({ id: string; name: string; description: string; orchestrator: string | null; version: number; digest: string; created_at: string; updated_at: string })[]; next: string | null } };
  /** Check files of agent systems without applying them. */
  checkAgentSystems: { takes: { body: { files: ({ name: string; text: string; parts?: ({ name: string; path: string; text: string })[] })[] } }; gives: { valid: boolean; files: ({ file: string; valid: boolean; counts: { [name: string]: number }; faults: ({ file: string; line: number; column: number; path: string; message: string; hint?: string; code: string })[]; warnings: (string)[] })[] } };
  /** Apply files of agent systems, all or none. */
  applyAgentSystems: { takes: { body: { files: ({ name: string; text: string; parts?: ({ name: string; path: string; text: string })[] })[]; dry_run?: boolean; prune?: boolean } }; gives: { systems: ({ id: string; name: string; version: number; digest: string; dry_run: boolean; objects: ({ [name: string]: unknown })[]; kept: ({ [name: string]: unknown })[]; warnings: (string)[] })[] } };
  /** Apply an agent system that was imported. */
  importAgentSystem: { takes: { body: { name: string; text: string; origin: "import fast-agent" | "tools import-openapi"; derived_secrets?: ({ name: string; scheme: string; host: string })[]; dry_run?: boolean; prune?: boolean } }; gives: { systems: ({ id: string; name: string; version: number; digest: string; dry_run: boolean; objects: ({ [name: string]: unknown })[]; kept: ({ [name: string]: unknown })[]; warnings: (string)[] })[] } };
  /** Export an agent system, or what belongs to none, as a document. */
  exportAgentSystems: { takes: { query?: { name?: string; unowned?: "true" | "false" } }; gives: { document: { [name: string]: unknown }; left_out: ({ path: string; message: string })[] } };
  /** Get a resolved agent system. */
  getAgentSystem: { takes: { params: { id: string } }; gives: AgentSystem };
  /** Export an agent system as a file. */
  exportAgentSystem: { takes: { params: { id: string }; query?: { format?: "yaml" | "json" } }; gives: string };
  /** Show who the caller is: user, role, tenant and permissions. */
  showMe: { takes: {  }; gives: Me };
  /** Sum usage and cost by day, agent, version, workflow, model, tool, user or tenant. */
  listUsage: { takes: { query?: { by?: "day" | "agent" | "version" | "workflow" | "model" | "tool" | "user" | "tenant" | "prompt" | "skill"; since?: string; until?: string } }; gives: { data: ({ value: string | null; runs: number; calls: number; tokens_in: number; tokens_out: number; cached_tokens: number; cost: number })[] } };
  /** List the known models of vendors, with their prices and aliases. */
  listModelCatalog: { takes: { query?: { limit?: number; cursor?: string; provider?: string; purpose?: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; text?: string } }; gives: { data: (KnownModel)[]; next: string | null } };
  /** Show the number of live runs of each status, and the runs that have lived longest. */
  listLiveExecutions: { takes: { query?: { limit?: number } }; gives: { queue: ({ status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; runs: number; oldest_due_seconds: number })[]; runs: ({ id: string; agent: string | null; status: "queued" | "running" | "waiting" | "paused" | "completed" | "failed" | "cancelled"; waiting_for: string | null; steps: number; tokens: number; cost: number; seconds: number })[] } };
  /** Export a run with everything that a replay needs. */
  exportExecution: { takes: { params: { id: string }; query?: { redact?: "true" | "false"; pretty?: "true" | "false" } }; gives: string };
  /** Get the request that a step sent to its model. */
  getStepRequest: { takes: { params: { id: string; seq: number } }; gives: StepRequest };
  /** Get the todo list of a session as Markdown, with the version for an edit. */
  getTodoList: { takes: { params: { sid: string } }; gives: TodoList };
  /** Apply an edited todo list. */
  editTodoList: { takes: { params: { sid: string }; body: TodoList }; gives: TodoList };
  /** Create the standard alert rules whose names do not exist yet. */
  useAlertRules: { takes: { body?: { webhook_id?: string; webhook?: string } }; gives: null };
  /** Accept the current description of a tool, so that agents may use it. */
  acceptMcpTool: { takes: { params: { id: string }; body: { tool: string; digest?: string } }; gives: { id: string; name: string; status: string; digest: string } };
  /** List the settings of the tenant, ordered by key. */
  listSettings: { takes: {  }; gives: { data: (Setting)[] } };
  /** Get a setting. */
  getSetting: { takes: { params: { key: string } }; gives: Setting };
  /** Set a setting of the tenant. */
  putSetting: { takes: { params: { key: string }; body: { value: number } }; gives: Setting };
  /** Reset a setting of the tenant. */
  deleteSetting: { takes: { params: { key: string } }; gives: null };
  /** Use a set of tool policies. */
  useToolPolicies: { takes: { body: { preset: "strict" | "none" } }; gives: null };
  /** Show what the output filters do to a text. */
  previewOutputFilters: { takes: { body: { text: string; place?: "output" | "question" | "arguments" | "sql" | "message" | "board" | "file" | "input"; agent?: string } }; gives: { value: unknown; hits: ({ filter: string; action: "flag" | "redact" | "block"; matches?: number })[] } };
  /** List the versions of a workflow, newest first. */
  listWorkflowVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** Get a version of a workflow. */
  getWorkflowVersion: { takes: { params: { id: string; version: string } }; gives: Version };
  /** Compare two versions of a workflow. */
  compareWorkflowVersions: { takes: { params: { id: string; version: string; other: string } }; gives: { data: (VersionChange)[] } };
  /** Restore a workflow to a version. */
  restoreWorkflowVersion: { takes: { params: { id: string; version: string } }; gives: Workflow };
  /** Give a version of a workflow a label, or move the label to it. */
  labelWorkflowVersion: { takes: { params: { id: string; label: string }; body: { version: number } }; gives: VersionLabel };
  /** Remove a label from a version of a workflow. */
  deleteWorkflowLabel: { takes: { params: { id: string; label: string } }; gives: null };
  /** Get statistics of the runs of a workflow, by version. */
  getWorkflowPerformance: { takes: { params: { id: string } }; gives: { workflow_id: string; workflow: string; data: ({ version: number; runs: number; completed: number; failed: number; success_rate: number | null; steps_per_run: number; tokens_in: number; tokens_out: number; cost: number; seconds_p50: number | null; seconds_p95: number | null })[] } };
  /** Test a model, or a configuration before it is stored. */
  testModel: { takes: { body: { name?: string; provider?: string | null; model?: string | null; purpose?: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown } | null; input_price?: number | null; output_price?: number | null; cached_input_price?: number | null; cache_write_price?: number | null; unit_price?: number | null; price_unit?: "minute" | "character" | "image" | "request" | null; context_tokens?: number | null; request_params?: { [name: string]: unknown } | null; fallback_position?: number | null; cost_per_1k_tokens?: number; id?: string; llm_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; tts_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; stt_provider_config?: { provider?: string | null; api_key?: string | null; model?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; base_url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null; warnings?: (string)[] } | null; api_key?: string | null; model_id?: string | null; model_name?: string | null; api_url?: string | null; url?: string | null; endpoint?: string | null; completions_path?: string | null; path?: string | null; voice_id?: string | null; voice?: string | null; sample_rate?: number | null; output_format?: string | null; language?: string | null } }; gives: ModelTest };
  /** List the versions of a prompt, newest first. */
  listPromptVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** Get a version of a prompt. */
  getPromptVersion: { takes: { params: { id: string; version: string } }; gives: Version };
  /** Compare two versions of a prompt. */
  comparePromptVersions: { takes: { params: { id: string; version: string; other: string } }; gives: { data: (VersionChange)[] } };
  /** Restore a prompt to a version. */
  restorePromptVersion: { takes: { params: { id: string; version: string } }; gives: Prompt };
  /** Give a version of a prompt a label, or move the label to it. */
  labelPromptVersion: { takes: { params: { id: string; label: string }; body: { version: number } }; gives: VersionLabel };
  /** Remove a label from a version of a prompt. */
  deletePromptLabel: { takes: { params: { id: string; label: string } }; gives: null };
  /** List the versions of a skill, newest first. */
  listSkillVersions: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (Version)[]; next: string | null } };
  /** Get a version of a skill. */
  getSkillVersion: { takes: { params: { id: string; version: string } }; gives: Version };
  /** Compare two versions of a skill. */
  compareSkillVersions: { takes: { params: { id: string; version: string; other: string } }; gives: { data: (VersionChange)[] } };
  /** Restore a skill to a version. */
  restoreSkillVersion: { takes: { params: { id: string; version: string } }; gives: Skill };
  /** List all tools, or the tools of an agent, newest first. */
  listToolRegistry: { takes: { query?: { limit?: number; cursor?: string; agent?: string; is_active?: "true" | "false"; capability?: string; domain?: string } }; gives: { data: ({ id: string; name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases: (string)[]; description: string; capabilities: (string)[]; domain: string | null; parameters: { [name: string]: unknown }; configuration: { [name: string]: unknown }; effect: "pure" | "idempotent" | "once"; requires_approval: boolean; timeout_ms: number; cache_answers_for: number | null; compensation_tool_id: string | null; agent_id: string | null; workflow_id: string | null; is_active: boolean; server_id: string | null; agent_system_id: string | null; created_at: string; updated_at: string; agents: (string)[]; type: "function"; function: { name: string; description: string; parameters: { [name: string]: unknown } }; actions?: ({ name: string; description: string; parameters: { [name: string]: unknown } | null })[] })[]; next: string | null; offered?: ({ type: "function"; function: { name: string; description: string; parameters: { [name: string]: unknown } }; capabilities: (string)[]; domain: string | null; actions?: ({ name: string; description: string; parameters: { [name: string]: unknown } | null })[] })[] } };
  /** Get the content of a resource. */
  getResourceContent: { takes: { params: { id: string } }; gives: string };
  /** List the next times of a cron expression, to check it before it is used. */
  listScheduleTimes: { takes: { query?: { cron?: string; timezone?: string; after?: string; count?: number } }; gives: { data: (string)[] } };
  /** List schedules, newest first. */
  listSchedules: { takes: { query?: { limit?: number; cursor?: string; name?: string; agent_id?: string; workflow_id?: string; is_active?: "true" | "false" } }; gives: { data: (Schedule)[]; next: string | null } };
  /** Create a schedule. */
  createSchedule: { takes: { body: { name: string; cron: string; timezone?: string; agent_id?: string | null; workflow_id?: string | null; input: string; input_data?: unknown; metadata?: { [name: string]: unknown }; session_id?: string | null; priority?: number; concurrency_key?: string | null; overlap_policy?: "allow" | "skip" | "cancel"; catchup_policy?: "skip" | "one" | "all"; is_active?: boolean; agent?: string; workflow?: string } }; gives: Schedule };
  /** Get a schedule. */
  getSchedule: { takes: { params: { id: string } }; gives: Schedule };
  /** Replace a schedule; fields that are left out take their defaults. */
  replaceSchedule: { takes: { params: { id: string }; body: { name: string; cron: string; timezone?: string; agent_id?: string | null; workflow_id?: string | null; input: string; input_data?: unknown; metadata?: { [name: string]: unknown }; session_id?: string | null; priority?: number; concurrency_key?: string | null; overlap_policy?: "allow" | "skip" | "cancel"; catchup_policy?: "skip" | "one" | "all"; is_active?: boolean; agent?: string; workflow?: string; id?: unknown; user_id?: unknown; next_at?: unknown; retry_at?: unknown; last_at?: unknown; last_execution_id?: unknown; last_error?: unknown; created_at?: unknown; updated_at?: unknown; runs?: unknown } }; gives: Schedule };
  /** Change fields of a schedule. */
  changeSchedule: { takes: { params: { id: string }; body: { name?: string; cron?: string; timezone?: string; agent_id?: string | null; workflow_id?: string | null; input?: string; input_data?: unknown; metadata?: { [name: string]: unknown }; session_id?: string | null; priority?: number; concurrency_key?: string | null; overlap_policy?: "allow" | "skip" | "cancel"; catchup_policy?: "skip" | "one" | "all"; is_active?: boolean; agent?: string; workflow?: string } }; gives: Schedule };
  /** Delete a schedule. */
  deleteSchedule: { takes: { params: { id: string } }; gives: null };
  /** Start a run of a schedule now, in addition to its times. */
  runSchedule: { takes: { params: { id: string } }; gives: Execution };
  /** List webhooks, newest first. */
  listWebhooks: { takes: { query?: { limit?: number; cursor?: string; url?: string; agent_id?: string; workflow_id?: string; is_active?: "true" | "false" } }; gives: { data: (Webhook)[]; next: string | null } };
  /** Create a webhook. */
  createWebhook: { takes: { body: { url: string; events?: (string)[]; description?: string; agent_id?: string | null; workflow_id?: string | null; secret_name?: string | null; previous_secret_name?: string | null; is_active?: boolean; agent?: string; workflow?: string } }; gives: NewWebhook };
  /** Get a webhook. */
  getWebhook: { takes: { params: { id: string } }; gives: Webhook };
  /** Replace a webhook; fields that are left out take their defaults. */
  replaceWebhook: { takes: { params: { id: string }; body: { url: string; events?: (string)[]; description?: string; agent_id?: string | null; workflow_id?: string | null; secret_name?: string | null; previous_secret_name?: string | null; is_active?: boolean; agent?: string; workflow?: string; id?: unknown; disabled_because?: unknown; created_at?: unknown; updated_at?: unknown; signing_key?: unknown } }; gives: Webhook };
  /** Change fields of a webhook. */
  changeWebhook: { takes: { params: { id: string }; body: { url?: string; events?: (string)[]; description?: string; agent_id?: string | null; workflow_id?: string | null; secret_name?: string | null; previous_secret_name?: string | null; is_active?: boolean; agent?: string; workflow?: string } }; gives: Webhook };
  /** Delete a webhook. */
  deleteWebhook: { takes: { params: { id: string } }; gives: null };
  /** Show the signing key of a webhook, once, or rotate it. */
  issueSigningKey: { takes: { params: { id: string }; body?: { rotate?: boolean } }; gives: SigningKey };
  /** Show the signing key of all callback URLs, once, or rotate it. */
  issueCallbackSigningKey: { takes: { body?: { rotate?: boolean } }; gives: SigningKey };
  /** List the deliveries of a webhook, newest first. */
  listDeliveriesOfWebhook: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; status?: string; event?: string; execution_id?: string } }; gives: { data: (WebhookDelivery)[]; next: string | null } };
  /** List the deliveries of all webhooks and callbacks, newest first. */
  listWebhookDeliveries: { takes: { query?: { limit?: number; cursor?: string; status?: string; event?: string; execution_id?: string; webhook_id?: string } }; gives: { data: (WebhookDelivery)[]; next: string | null } };
  /** Get a delivery. */
  getWebhookDelivery: { takes: { params: { id: string } }; gives: WebhookDelivery };
  /** Send a delivery again, under the same id. */
  redeliver: { takes: { params: { id: string } }; gives: WebhookDelivery };
  /** List inbound hooks, newest first. */
  listInboundHooks: { takes: { query?: { limit?: number; cursor?: string; name?: string; verification?: "standard_webhooks" | "github" | "stripe" | "slack" | "shared_secret"; agent_id?: string; workflow_id?: string; is_active?: "true" | "false" } }; gives: { data: (InboundHook)[]; next: string | null } };
  /** Create an inbound hook. */
  createInboundHook: { takes: { body: { name: string; description?: string; verification: "standard_webhooks" | "github" | "stripe" | "slack" | "shared_secret"; secret_name: string; previous_secret_name?: string | null; secret_header?: string | null; agent_id?: string | null; workflow_id?: string | null; condition?: string | null; mapping?: { [name: string]: string }; session_key?: string | null; debounce_key?: string | null; debounce_ms?: number | null; reply?: { [name: string]: string } | null; is_active?: boolean; agent?: string; workflow?: string } }; gives: InboundHook };
  /** Get an inbound hook. */
  getInboundHook: { takes: { params: { id: string } }; gives: InboundHook };
  /** Replace an inbound hook; fields that are left out take their defaults. */
  replaceInboundHook: { takes: { params: { id: string }; body: { name: string; description?: string; verification: "standard_webhooks" | "github" | "stripe" | "slack" | "shared_secret"; secret_name: string; previous_secret_name?: string | null; secret_header?: string | null; agent_id?: string | null; workflow_id?: string | null; condition?: string | null; mapping?: { [name: string]: string }; session_key?: string | null; debounce_key?: string | null; debounce_ms?: number | null; reply?: { [name: string]: string } | null; is_active?: boolean; agent?: string; workflow?: string; id?: unknown; user_id?: unknown; created_at?: unknown; updated_at?: unknown; path?: unknown; runs?: unknown } }; gives: InboundHook };
  /** Change fields of an inbound hook. */
  changeInboundHook: { takes: { params: { id: string }; body: { name?: string; description?: string; verification?: "standard_webhooks" | "github" | "stripe" | "slack" | "shared_secret"; secret_name?: string; previous_secret_name?: string | null; secret_header?: string | null; agent_id?: string | null; workflow_id?: string | null; condition?: string | null; mapping?: { [name: string]: string }; session_key?: string | null; debounce_key?: string | null; debounce_ms?: number | null; reply?: { [name: string]: string } | null; is_active?: boolean; agent?: string; workflow?: string } }; gives: InboundHook };
  /** Delete an inbound hook. */
  deleteInboundHook: { takes: { params: { id: string } }; gives: null };
  /** Show what the expressions of a hook produce for a body; nothing is stored or begun. */
  testInboundHook: { takes: { params: { id: string }; body: { body: unknown; headers?: { [name: string]: string } } }; gives: InboundHookTest };
  /** List the deliveries of inbound hooks, newest first. */
  listInboundDeliveries: { takes: { query?: { limit?: number; cursor?: string; status?: string; execution_id?: string; inbound_hook_id?: string } }; gives: { data: (InboundDelivery)[]; next: string | null } };
  /** Get a delivery of an inbound hook. */
  getInboundDelivery: { takes: { params: { id: string } }; gives: InboundDelivery };
  /** List integrations, newest first. */
  listIntegrations: { takes: { query?: { limit?: number; cursor?: string; name?: string; is_active?: "true" | "false" } }; gives: { data: (Integration)[]; next: string | null } };
  /** Create an integration. */
  createIntegration: { takes: { body: { name: string; description?: string; resource_url: string; account_scope?: "tenant" | "user"; grant_type?: "authorization_code" | "client_credentials"; scopes?: (string)[]; issuer?: string | null; endpoints?: { [name: string]: unknown } | null; client_id?: string | null; secret_name?: string | null; sends_resource?: boolean; is_active?: boolean } }; gives: Integration };
  /** Get an integration. */
  getIntegration: { takes: { params: { id: string } }; gives: Integration };
  /** Replace an integration; fields that are left out take their defaults. */
  replaceIntegration: { takes: { params: { id: string }; body: { name: string; description?: string; resource_url: string; account_scope?: "tenant" | "user"; grant_type?: "authorization_code" | "client_credentials"; scopes?: (string)[]; issuer?: string | null; endpoints?: { [name: string]: unknown } | null; client_id?: string | null; secret_name?: string | null; sends_resource?: boolean; is_active?: boolean; id?: unknown; created_at?: unknown; updated_at?: unknown; connected_accounts?: unknown } }; gives: Integration };
  /** Change fields of an integration. */
  changeIntegration: { takes: { params: { id: string }; body: { name?: string; description?: string; resource_url?: string; account_scope?: "tenant" | "user"; grant_type?: "authorization_code" | "client_credentials"; scopes?: (string)[]; issuer?: string | null; endpoints?: { [name: string]: unknown } | null; client_id?: string | null; secret_name?: string | null; sends_resource?: boolean; is_active?: boolean } }; gives: Integration };
  /** Delete an integration. */
  deleteIntegration: { takes: { params: { id: string } }; gives: null };
  /** Begin to connect an account: the own account, or that of the tenant. */
  connectAccount: { takes: { params: { id: string }; body?: { username?: string } }; gives: { account_id: string; integration: string; authorization_url: string | null; expires_at: string | null } };
  /** List connected accounts, newest first. */
  listConnectedAccounts: { takes: { query?: { limit?: number; cursor?: string; integration_id?: string; user_id?: string; status?: "pending" | "connected" | "expired" | "revoked" | "failed" } }; gives: { data: (ConnectedAccount)[]; next: string | null } };
  /** Get a connected account. */
  getConnectedAccount: { takes: { params: { id: string } }; gives: ConnectedAccount };
  /** Disconnect an account, and revoke its tokens at the authorization server. */
  disconnectAccount: { takes: { params: { id: string } }; gives: ConnectedAccount };
  /** List knowledge bases, newest first. */
  listKnowledgeBases: { takes: { query?: { limit?: number; cursor?: string; name?: string; domain?: string } }; gives: { data: (KnowledgeBase)[]; next: string | null } };
  /** Create a knowledge base. */
  createKnowledgeBase: { takes: { body: { name: string; domain?: string | null; language?: string; detects_language?: boolean; chunking?: { [name: string]: unknown }; trust?: "system" | "user" | "internal" | "external"; embedding_model_id?: string | null; ranking?: { [name: string]: unknown }; rerank_model_id?: string | null; rerank_candidates?: number; ocr_model_id?: string | null; records_searches?: boolean; embedding_model?: string | null; rerank_model?: string | null; ocr_model?: string | null } }; gives: KnowledgeBase };
  /** Get a knowledge base. */
  getKnowledgeBase: { takes: { params: { id: string } }; gives: KnowledgeBase };
  /** Replace a knowledge base; fields that are left out take their defaults. */
  replaceKnowledgeBase: { takes: { params: { id: string }; body: { name: string; domain?: string | null; language?: string; detects_language?: boolean; chunking?: { [name: string]: unknown }; trust?: "system" | "user" | "internal" | "external"; embedding_model_id?: string | null; ranking?: { [name: string]: unknown }; rerank_model_id?: string | null; rerank_candidates?: number; ocr_model_id?: string | null; records_searches?: boolean; embedding_model?: string | null; rerank_model?: string | null; ocr_model?: string | null; id?: unknown; created_at?: unknown; updated_at?: unknown; agents?: unknown } }; gives: KnowledgeBase };
  /** Change fields of a knowledge base. */
  changeKnowledgeBase: { takes: { params: { id: string }; body: { name?: string; domain?: string | null; language?: string; detects_language?: boolean; chunking?: { [name: string]: unknown }; trust?: "system" | "user" | "internal" | "external"; embedding_model_id?: string | null; ranking?: { [name: string]: unknown }; rerank_model_id?: string | null; rerank_candidates?: number; ocr_model_id?: string | null; records_searches?: boolean; embedding_model?: string | null; rerank_model?: string | null; ocr_model?: string | null } }; gives: KnowledgeBase };
  /** Delete a knowledge base. */
  deleteKnowledgeBase: { takes: { params: { id: string } }; gives: null };
  /** Add a document to a knowledge base. */
  uploadDocument: { takes: { params: { id: string }; query?: { title?: string; metadata?: string; language?: string }; body: string }; gives: Document };
  /** Search a knowledge base. */
  searchKnowledgeBase: { takes: { params: { id: string }; query: { query: string; k?: number; filter?: string; mode?: string } }; gives: { chunks: (FoundChunk)[] } };
  /** Count the documents of a knowledge base by status, and its chunks. */
  getKnowledgeBaseState: { takes: { params: { id: string } }; gives: KnowledgeBaseState };
  /** Repeat searches and compare what they find. */
  replaySearches: { takes: { params: { id: string }; query?: { since?: string; mode?: string; at_most?: number; rerank?: "true" | "false" } }; gives: { queries: number; overlap: number | null; searches: (ReplayedSearch)[] } };
  /** Fit how much words and vectors count in searches. */
  fitRanking: { takes: { params: { id: string }; body: { dataset?: string | null } }; gives: RankingFit };
  /** Get the health of a knowledge base: documents, searches and stale answers. */
  getKnowledgeBaseHealth: { takes: { params: { id: string } }; gives: KnowledgeBaseHealth };
  /** List answers that cite a text that has changed or gone. */
  listStaleAnswers: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string } }; gives: { data: (StaleAnswer)[]; next: string | null } };
  /** List the citations in the answer of a run, with their sources. */
  listExecutionSources: { takes: { params: { id: string } }; gives: { sources: (AnswerSource)[] } };
  /** List documents, newest first. */
  listDocuments: { takes: { query?: { limit?: number; cursor?: string; knowledge_base_id?: string; title?: string; status?: "pending" | "working" | "ready" | "failed"; words?: string } }; gives: { data: (Document)[]; next: string | null } };
  /** Create a document. */
  createDocument: { takes: { body: { knowledge_base_id?: string; title: string; type?: string; metadata?: { [name: string]: unknown }; language?: string | null; resource_id?: string | null; owns_resource?: boolean; url?: string | null; reread_seconds?: number | null; content?: string; knowledge_base?: string } }; gives: Document };
  /** Get a document. */
  getDocument: { takes: { params: { id: string } }; gives: Document };
  /** Replace a document; fields that are left out take their defaults. */
  replaceDocument: { takes: { params: { id: string }; body: { knowledge_base_id?: string; title: string; type?: string; metadata?: { [name: string]: unknown }; language?: string | null; resource_id?: string | null; owns_resource?: boolean; url?: string | null; reread_seconds?: number | null; content?: string; knowledge_base?: string; id?: unknown; status?: unknown; status_at?: unknown; error?: unknown; read_at?: unknown; detected_language?: unknown; digest?: unknown; created_by?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Document };
  /** Change fields of a document. */
  changeDocument: { takes: { params: { id: string }; body: { knowledge_base_id?: string; title?: string; type?: string; metadata?: { [name: string]: unknown }; language?: string | null; resource_id?: string | null; owns_resource?: boolean; url?: string | null; reread_seconds?: number | null; content?: string; knowledge_base?: string } }; gives: Document };
  /** Delete a document. */
  deleteDocument: { takes: { params: { id: string } }; gives: null };
  /** List the chunks of a document, in their order. */
  listDocumentChunks: { takes: { params: { id: string }; query?: { limit?: number; cursor?: string; from?: string } }; gives: { data: (Chunk)[]; next: string | null } };
  /** Get the text of a document. */
  getDocumentContent: { takes: { params: { id: string } }; gives: string };
  /** List the chunks that a search found, and why. */
  listSearchHits: { takes: { params: { id: string } }; gives: { hits: (SearchHit)[] } };
  /** Recall memories. */
  recallMemories: { takes: { query: { query: string; k?: number; scope?: "user" | "agent" | "session" | "tenant"; subject_id?: string } }; gives: { memories: (FoundMemory)[] } };
  /** List memories, newest first. */
  listMemories: { takes: { query?: { limit?: number; cursor?: string; subject_id?: string; source_execution_id?: string; is_valid?: "true" | "false"; is_pinned?: "true" | "false"; proposal_status?: "open" | "approved" | "rejected" } }; gives: { data: (Memory)[]; next: string | null } };
  /** Add a memory. */
  remember: { takes: { body: { content: string; scope?: "user" | "agent" | "session" | "tenant"; subject_id?: string; kind?: "fact" | "preference" | "procedure" | "episode"; valid_from?: string; trust?: "system" | "user" | "internal" | "external" } }; gives: Memory };
  /** Get a memory. */
  getMemory: { takes: { params: { id: string } }; gives: Memory };
  /** Delete a memory. */
  deleteMemory: { takes: { params: { id: string } }; gives: null };
  /** Correct a memory. */
  correctMemory: { takes: { params: { id: string }; body: { content: string } }; gives: Memory };
  /** Pin a memory. */
  pinMemory: { takes: { params: { id: string }; body?: { is_pinned?: boolean } }; gives: Memory };
  /** Propose a memory. */
  proposeMemory: { takes: { params: { id: string } }; gives: Memory };
  /** Approve a proposed memory. */
  approveMemory: { takes: { params: { id: string }; body?: { content?: string } }; gives: Memory };
  /** Reject a proposed memory. */
  rejectMemory: { takes: { params: { id: string } }; gives: Memory };
  /** List data sets, newest first. */
  listDatasets: { takes: { query?: { limit?: number; cursor?: string; name?: string } }; gives: { data: (DataSet)[]; next: string | null } };
  /** Create a data set. */
  createDataSet: { takes: { body: { name: string; description?: string | null } }; gives: DataSet };
  /** Get a data set. */
  getDataSet: { takes: { params: { id: string } }; gives: DataSet };
  /** Replace a data set; fields that are left out take their defaults. */
  replaceDataSet: { takes: { params: { id: string }; body: { name: string; description?: string | null; id?: unknown; created_at?: unknown; updated_at?: unknown; items?: unknown } }; gives: DataSet };
  /** Change fields of a data set. */
  changeDataSet: { takes: { params: { id: string }; body: { name?: string; description?: string | null } }; gives: DataSet };
  /** Delete a data set. */
  deleteDataSet: { takes: { params: { id: string } }; gives: null };
  /** Add items to a data set. */
  addDatasetItems: { takes: { params: { id: string }; body: { items: ({ input?: string; input_data?: unknown; input_parts?: ({ [name: string]: unknown })[] | null; history?: ({ [name: string]: unknown })[] | null; expected?: unknown; split?: string | null; metadata?: { [name: string]: unknown } })[] } }; gives: { added: number } };
  /** Add a run to a data set. */
  addRunToDataset: { takes: { params: { id: string }; body: { execution_id: string; expected?: unknown; split?: string | null; metadata?: { [name: string]: unknown }; anonymize?: boolean; seq?: number } }; gives: Item };
  /** List evaluations, newest first. */
  listEvaluations: { takes: { query?: { limit?: number; cursor?: string; dataset_id?: string; agent_id?: string; workflow_id?: string; grading_rule_id?: string } }; gives: { data: (Evaluation)[]; next: string | null } };
  /** Start an evaluation. */
  evaluate: { takes: { body: { dataset: string; agent?: string; workflow?: string; version?: string; repeat?: number; split?: string; model?: string; overrides?: { [name: string]: unknown }; graders?: (string)[]; priority?: number; reuse?: boolean; items_at?: string } }; gives: Evaluation };
  /** Get an evaluation. */
  getEvaluation: { takes: { params: { id: string } }; gives: Evaluation };
  /** Grade a sample of the runs of an agent. */
  evaluateRuns: { takes: { body: { dataset: string; agent?: string; workflow?: string; version?: string; since?: string; until?: string; sample?: number; graders?: (string)[] } }; gives: Evaluation };
  /** Cancel an evaluation and its live runs. */
  cancelEvaluation: { takes: { params: { id: string } }; gives: Evaluation };
  /** Grade results again whose judge failed. */
  gradeAgain: { takes: { params: { id: string } }; gives: GradedAgain };
  /** Compare two evaluations of one data set. */
  compareEvaluations: { takes: { params: { id: string }; query: { with: string } }; gives: EvaluationComparison };
  /** Say whether an evaluation passes a gate. */
  checkEvaluation: { takes: { params: { id: string }; query?: { fail_under?: number; no_worse_than?: string } }; gives: EvaluationCheck };
  /** List the items of an evaluation with the figures of their repeats. */
  listEvaluationItems: { takes: { params: { id: string }; query?: { limit?: number } }; gives: { data: (EvaluationItem)[] } };
  /** Label the version of an evaluation. */
  promoteEvaluation: { takes: { params: { id: string }; body: { label: string; fail_under?: number; no_worse_than?: string } }; gives: Evaluation };
  /** Compare the graders of an evaluation with people. */
  graderAgreement: { takes: { params: { id: string }; query?: { pass_score?: number } }; gives: { data: (GraderAgreement)[] } };
  /** List results on which a grader and people disagree. */
  graderDisagreements: { takes: { params: { id: string }; query?: { grader?: string; pass_score?: number } }; gives: { data: (GraderDisagreement)[] } };
  /** Propose examples for a judge from what people said. */
  rubricExamples: { takes: { params: { id: string }; query: { grader: string; examples?: number } }; gives: { data: (RubricExample)[] } };
  /** Rank what was evaluated on a data set. */
  leaderboard: { takes: { params: { id: string }; query?: { split?: string; measure?: "score" | "cost" | "latency_ms" | "flakiness" | "brier_score" } }; gives: { data: (Contender)[] } };
  /** List the quality of versions by day. */
  listQualityByDay: { takes: { query?: { dataset_id?: string; agent_id?: string; workflow_id?: string; source?: "items" | "runs"; grader?: string; since?: string; until?: string } }; gives: { data: (QualityOfDay)[] } };
  /** List grades, newest first. */
  listGrades: { takes: { query?: { limit?: number; cursor?: string; evaluation_id?: string; evaluation_result_id?: string; user_id?: string } }; gives: { data: (Grade)[]; next: string | null } };
  /** Set your grade of a result, replacing your earlier grade. */
  grade: { takes: { body: { evaluation_result_id: string; score: number; comment?: string | null; grader?: string | null } }; gives: Grade };
  /** Get a grade. */
  getGrade: { takes: { params: { id: string } }; gives: Grade };
  /** List results of evaluations that you have not graded. */
  listGradeQueue: { takes: { query?: { evaluation_id?: string; limit?: number } }; gives: { data: (QueuedGrade)[]; remaining: number | null } };
  /** List runs with a score, newest first. */
  listTrainingExamples: { takes: { query?: { limit?: number; cursor?: string; dataset_id?: string; split?: string } }; gives: { data: (TrainingExample)[]; next: string | null } };
  /** List pairs of a better and a worse answer to one question, newest first. */
  listPreferencePairs: { takes: { query?: { limit?: number; cursor?: string; dataset_id?: string; split?: string } }; gives: { data: (PreferencePair)[]; next: string | null } };
  /** List users, newest first. */
  listUsers: { takes: { query?: { limit?: number; cursor?: string; username?: string; role?: "owner" | "admin" | "member" | "viewer"; is_active?: "true" | "false" } }; gives: { data: (User)[]; next: string | null } };
  /** Create a user. */
  createUser: { takes: { body: { username: string; email?: string | null; role?: "owner" | "admin" | "member" | "viewer"; is_active?: boolean } }; gives: User };
  /** Get a user. */
  getUser: { takes: { params: { id: string } }; gives: User };
  /** Replace a user; fields that are left out take their defaults. */
  replaceUser: { takes: { params: { id: string }; body: { username: string; email?: string | null; role?: "owner" | "admin" | "member" | "viewer"; is_active?: boolean; id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: User };
  /** Change fields of a user. */
  changeUser: { takes: { params: { id: string }; body: { username?: string; email?: string | null; role?: "owner" | "admin" | "member" | "viewer"; is_active?: boolean } }; gives: User };
  /** Erase the data of a user. */
  eraseUser: { takes: { params: { id: string }; body?: { mode?: "anonymise" | "delete"; cancel_live?: boolean; dry_run?: boolean } }; gives: { user_id: string; mode: string; files?: ({ [name: string]: unknown })[] } };
  /** List API keys, newest first. */
  listApiKeys: { takes: { query?: { limit?: number; cursor?: string; name?: string; prefix?: string; user_id?: string } }; gives: { data: (ApiKey)[]; next: string | null } };
  /** Create an API key. */
  createApiKey: { takes: { body: { name: string; role?: "owner" | "admin" | "member" | "viewer"; scopes?: ("read" | "run" | "edit" | "manage")[]; expires_at?: string; expires_in?: number; user_id?: string } }; gives: { id: string; name: string; prefix: string; tenant_id: string; user_id: string | null; role: "owner" | "admin" | "member" | "viewer"; scopes: ("read" | "run" | "edit" | "manage")[] | null; expires_at: string | null; last_used_at: string | null; revoked_at: string | null; created_by: string; created_at: string; made_without_login: boolean; tenant: string; user: string | null; state: "good" | "revoked" | "expired" | "inactive"; key?: string } };
  /** Get an API key. */
  getAPIKey: { takes: { params: { id: string } }; gives: ApiKey };
  /** Replace an API key; fields that are left out take their defaults. */
  replaceAPIKey: { takes: { params: { id: string }; body: { name: string; id?: unknown; prefix?: unknown; tenant_id?: unknown; user_id?: unknown; role?: unknown; scopes?: unknown; expires_at?: unknown; last_used_at?: unknown; revoked_at?: unknown; created_by?: unknown; created_at?: unknown; made_without_login?: unknown; tenant?: unknown; user?: unknown; state?: unknown } }; gives: ApiKey };
  /** Change fields of an API key. */
  changeAPIKey: { takes: { params: { id: string }; body: { name?: string } }; gives: ApiKey };
  /** Revoke an API key for good, within a second. */
  revokeApiKey: { takes: { params: { id: string } }; gives: ApiKey };
  /** List secrets, newest first. */
  listSecrets: { takes: { query?: { limit?: number; cursor?: string; name?: string } }; gives: { data: (Secret)[]; next: string | null } };
  /** Store a secret under a new name. */
  createSecret: { takes: { body: { name: string; value: string } }; gives: Secret };
  /** Get a secret. */
  getSecret: { takes: { params: { id: string } }; gives: Secret };
  /** Give a secret its next value. */
  rotateSecret: { takes: { params: { id: string }; body: { value: string } }; gives: Secret };
  /** Remove a secret that nothing uses. */
  deleteSecret: { takes: { params: { id: string }; query?: { force?: "true" | "false" } }; gives: null };
  /** List the audit log of the tenant, newest first. */
  listAuditLog: { takes: { query?: { limit?: number; cursor?: string; actor?: string; user_id?: string; api_key_id?: string; action?: string; object?: string; object_id?: string; since?: string; until?: string } }; gives: { data: (AuditEntry)[]; next: string | null } };
  /** Check the chain of the audit log of the tenant, a part at a time. */
  checkAuditLog: { takes: { query?: { after?: number; limit?: number } }; gives: AuditCheck };
  /** Show the live runs of the tenant by status, the next ones, and the workers. */
  showQueue: { takes: { query?: { next?: number } }; gives: { states: (QueueState)[]; next: (NextRun)[]; workers: (LiveWorker)[] } };
  /** List broken promises of the engine; empty unless it has a bug. */
  listViolations: { takes: {  }; gives: { data: (Violation)[] } };
  /** List the batch jobs of the workers, with the rows of the tenant. */
  listBatchJobs: { takes: {  }; gives: { data: (BatchJob)[] } };
  /** Pause a batch job of all tenants. */
  pauseBatchJob: { takes: { params: { name: string } }; gives: null };
  /** Resume a batch job that was paused. */
  resumeBatchJob: { takes: { params: { name: string } }; gives: null };
  /** Run one SELECT with the rights of the caller. */
  runSqlQuery: { takes: { body: { query: string; limit?: number } }; gives: { rows: ({ [name: string]: unknown })[]; cut_by: "rows" | "bytes" | null } };
  /** List approvals, newest first. */
  listApprovals: { takes: { query?: { limit?: number; cursor?: string; tool?: string; execution_id?: string; session_id?: string; agent_id?: string } }; gives: { data: (Approval)[]; next: string | null } };
  /** Get an approval. */
  getApproval: { takes: { params: { id: string } }; gives: Approval };
  /** Delete an approval. */
  deleteApproval: { takes: { params: { id: string } }; gives: null };
  /** List grants, newest first. */
  listGrants: { takes: { query?: { limit?: number; cursor?: string; agent_id?: string; workflow_id?: string; user_id?: string; role?: "owner" | "admin" | "member" | "viewer"; permission?: "read" | "run" | "edit" } }; gives: { data: (Grant)[]; next: string | null } };
  /** Create a grant. */
  createGrant: { takes: { body: { agent_id?: string | null; workflow_id?: string | null; user_id?: string | null; role?: "owner" | "admin" | "member" | "viewer" | null; permission: "read" | "run" | "edit"; user?: string | null; agent?: string; workflow?: string } }; gives: Grant };
  /** Get a grant. */
  getGrant: { takes: { params: { id: string } }; gives: Grant };
  /** Replace a grant; fields that are left out take their defaults. */
  replaceGrant: { takes: { params: { id: string }; body: { agent_id?: string | null; workflow_id?: string | null; user_id?: string | null; role?: "owner" | "admin" | "member" | "viewer" | null; permission: "read" | "run" | "edit"; user?: string | null; agent?: string; workflow?: string; id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Grant };
  /** Change fields of a grant. */
  changeGrant: { takes: { params: { id: string }; body: { agent_id?: string | null; workflow_id?: string | null; user_id?: string | null; role?: "owner" | "admin" | "member" | "viewer" | null; permission?: "read" | "run" | "edit"; user?: string | null; agent?: string; workflow?: string } }; gives: Grant };
  /** Delete a grant. */
  deleteGrant: { takes: { params: { id: string } }; gives: null };
  /** List hooks, newest first. */
  listHooks: { takes: { query?: { limit?: number; cursor?: string; event?: "before_run" | "after_setup" | "message_sent" | "tool_before" | "tool_after" | "execution_complete"; agent_id?: string; workflow_id?: string; is_active?: "true" | "false" } }; gives: { data: (Hook)[]; next: string | null } };
  /** Get a hook. */
  getHook: { takes: { params: { id: string } }; gives: Hook };
  /** List limits, newest first. */
  listLimits: { takes: { query?: { limit?: number; cursor?: string; scope?: "tenant" | "user" | "agent" | "session" | "api_key" | "model" | "tool" | "key" | "system"; subject_id?: string; metric?: "requests" | "runs" | "tokens" | "cost" | "storage" | "running_runs" | "running_calls" | "calls"; period?: "minute" | "hour" | "day" | "month" } }; gives: { data: (Limit)[]; next: string | null } };
  /** Create a limit. */
  createLimit: { takes: { body: { scope?: "tenant" | "user" | "agent" | "session" | "api_key" | "model" | "tool" | "key" | "system"; subject_id?: string | null; key?: string | null; metric: "requests" | "runs" | "tokens" | "cost" | "storage" | "running_runs" | "running_calls" | "calls"; period?: "minute" | "hour" | "day" | "month" | null; max_value: number } }; gives: Limit };
  /** Get a limit. */
  getLimit: { takes: { params: { id: string } }; gives: Limit };
  /** Replace a limit; fields that are left out take their defaults. */
  replaceLimit: { takes: { params: { id: string }; body: { scope?: "tenant" | "user" | "agent" | "session" | "api_key" | "model" | "tool" | "key" | "system"; subject_id?: string | null; key?: string | null; metric: "requests" | "runs" | "tokens" | "cost" | "storage" | "running_runs" | "running_calls" | "calls"; period?: "minute" | "hour" | "day" | "month" | null; max_value: number; id?: unknown; is_imposed?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Limit };
  /** Change fields of a limit. */
  changeLimit: { takes: { params: { id: string }; body: { scope?: "tenant" | "user" | "agent" | "session" | "api_key" | "model" | "tool" | "key" | "system"; subject_id?: string | null; key?: string | null; metric?: "requests" | "runs" | "tokens" | "cost" | "storage" | "running_runs" | "running_calls" | "calls"; period?: "minute" | "hour" | "day" | "month" | null; max_value?: number } }; gives: Limit };
  /** Delete a limit. */
  deleteLimit: { takes: { params: { id: string } }; gives: null };
  /** List output filters, newest first. */
  listOutputFilters: { takes: { query?: { limit?: number; cursor?: string; name?: string; agent_id?: string; is_active?: "true" | "false" } }; gives: { data: (OutputFilter)[]; next: string | null } };
  /** Create an output filter. */
  createOutputFilter: { takes: { body: { name: string; agent_id?: string | null; pattern: string; places?: ("output" | "question" | "arguments" | "sql" | "message" | "board" | "file" | "input")[]; action?: "flag" | "redact" | "block"; is_active?: boolean; agent?: string } }; gives: OutputFilter };
  /** Get an output filter. */
  getOutputFilter: { takes: { params: { id: string } }; gives: OutputFilter };
  /** Replace an output filter; fields that are left out take their defaults. */
  replaceOutputFilter: { takes: { params: { id: string }; body: { name: string; agent_id?: string | null; pattern: string; places?: ("output" | "question" | "arguments" | "sql" | "message" | "board" | "file" | "input")[]; action?: "flag" | "redact" | "block"; is_active?: boolean; agent?: string; id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: OutputFilter };
  /** Change fields of an output filter. */
  changeOutputFilter: { takes: { params: { id: string }; body: { name?: string; agent_id?: string | null; pattern?: string; places?: ("output" | "question" | "arguments" | "sql" | "message" | "board" | "file" | "input")[]; action?: "flag" | "redact" | "block"; is_active?: boolean; agent?: string } }; gives: OutputFilter };
  /** Delete an output filter. */
  deleteOutputFilter: { takes: { params: { id: string } }; gives: null };
  /** List retention policies, newest first. */
  listRetentionPolicies: { takes: { query?: { limit?: number; cursor?: string } }; gives: { data: (RetentionPolicy)[]; next: string | null } };
  /** Create a retention policy. */
  createRetentionPolicy: { takes: { body: { keep_contents_days?: number | null; keep_sessions_minutes?: number; keep_runs_days?: number | null; encrypt_contents?: boolean; is_by_month?: boolean } }; gives: RetentionPolicy };
  /** Get a retention policy. */
  getRetentionPolicy: { takes: { params: { id: string } }; gives: RetentionPolicy };
  /** Replace a retention policy; fields that are left out take their defaults. */
  replaceRetentionPolicy: { takes: { params: { id: string }; body: { keep_contents_days?: number | null; keep_sessions_minutes?: number; keep_runs_days?: number | null; encrypt_contents?: boolean; is_by_month?: boolean; id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: RetentionPolicy };
  /** Change fields of a retention policy. */
  changeRetentionPolicy: { takes: { params: { id: string }; body: { keep_contents_days?: number | null; keep_sessions_minutes?: number; keep_runs_days?: number | null; encrypt_contents?: boolean; is_by_month?: boolean } }; gives: RetentionPolicy };
  /** Delete a retention policy. */
  deleteRetentionPolicy: { takes: { params: { id: string } }; gives: null };
  /** List saved views, newest first. */
  listSavedViews: { takes: { query?: { limit?: number; cursor?: string; name?: string; place?: string; is_shared?: "true" | "false" } }; gives: { data: (SavedView)[]; next: string | null } };
  /** Create a saved view. */
  createSavedView: { takes: { body: { name: string; place: string; filter: { [name: string]: unknown }; is_shared?: boolean } }; gives: SavedView };
  /** Get a saved view. */
  getSavedView: { takes: { params: { id: string } }; gives: SavedView };
  /** Replace a saved view; fields that are left out take their defaults. */
  replaceSavedView: { takes: { params: { id: string }; body: { name: string; place: string; filter: { [name: string]: unknown }; is_shared?: boolean; id?: unknown; user_id?: unknown; created_at?: unknown; updated_at?: unknown; saved_by?: unknown } }; gives: SavedView };
  /** Change fields of a saved view. */
  changeSavedView: { takes: { params: { id: string }; body: { name?: string; place?: string; filter?: { [name: string]: unknown }; is_shared?: boolean } }; gives: SavedView };
  /** Delete a saved view. */
  deleteSavedView: { takes: { params: { id: string } }; gives: null };
  /** List tool policies, newest first. */
  listToolPolicies: { takes: { query?: { limit?: number; cursor?: string; agent_id?: string; tool_id?: string; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom" } }; gives: { data: (ToolPolicy)[]; next: string | null } };
  /** Create a tool policy. */
  createToolPolicy: { takes: { body: { agent_id?: string | null; tool_id?: string | null; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom" | null; effect?: "pure" | "idempotent" | "once" | null; min_trust?: "system" | "user" | "internal"; decision: "allow" | "ask" | "deny"; tool?: string | null; agent?: string } }; gives: ToolPolicy };
  /** Get a tool policy. */
  getToolPolicy: { takes: { params: { id: string } }; gives: ToolPolicy };
  /** Replace a tool policy; fields that are left out take their defaults. */
  replaceToolPolicy: { takes: { params: { id: string }; body: { agent_id?: string | null; tool_id?: string | null; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom" | null; effect?: "pure" | "idempotent" | "once" | null; min_trust?: "system" | "user" | "internal"; decision: "allow" | "ask" | "deny"; tool?: string | null; agent?: string; id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: ToolPolicy };
  /** Change fields of a tool policy. */
  changeToolPolicy: { takes: { params: { id: string }; body: { agent_id?: string | null; tool_id?: string | null; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom" | null; effect?: "pure" | "idempotent" | "once" | null; min_trust?: "system" | "user" | "internal"; decision?: "allow" | "ask" | "deny"; tool?: string | null; agent?: string } }; gives: ToolPolicy };
  /** Delete a tool policy. */
  deleteToolPolicy: { takes: { params: { id: string } }; gives: null };
  /** List alert rules, newest first. */
  listAlertRules: { takes: { query?: { limit?: number; cursor?: string; name?: string; state?: "unknown" | "clear" | "firing" | "failed"; is_active?: "true" | "false" } }; gives: { data: (AlertRule)[]; next: string | null } };
  /** Create an alert rule. */
  createAlertRule: { takes: { body: { name: string; description?: string; query?: string | null; engine_check?: string | null; interval_seconds?: number; webhook_id?: string | null; is_active?: boolean; webhook?: string | null } }; gives: AlertRule };
  /** Get an alert rule. */
  getAlertRule: { takes: { params: { id: string } }; gives: AlertRule };
  /** Replace an alert rule; fields that are left out take their defaults. */
  replaceAlertRule: { takes: { params: { id: string }; body: { name: string; description?: string; query?: string | null; engine_check?: string | null; interval_seconds?: number; webhook_id?: string | null; is_active?: boolean; webhook?: string | null; id?: unknown; state?: unknown; found_rows?: unknown; sample?: unknown; last_error?: unknown; last_at?: unknown; changed_at?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: AlertRule };
  /** Change fields of an alert rule. */
  changeAlertRule: { takes: { params: { id: string }; body: { name?: string; description?: string; query?: string | null; engine_check?: string | null; interval_seconds?: number; webhook_id?: string | null; is_active?: boolean; webhook?: string | null } }; gives: AlertRule };
  /** Delete an alert rule. */
  deleteAlertRule: { takes: { params: { id: string } }; gives: null };
  /** List MCP servers, newest first. */
  listMcpServers: { takes: { query?: { limit?: number; cursor?: string; name?: string; is_active?: "true" | "false" } }; gives: { data: (McpServer)[]; next: string | null } };
  /** Create an MCP server. */
  createMCPServer: { takes: { body: { name: string; description?: string; type: "stdio" | "http" | "filesystem" | "fetch"; configuration: { [name: string]: unknown }; trusts_annotations?: boolean; is_active?: boolean } }; gives: McpServer };
  /** Get an MCP server. */
  getMCPServer: { takes: { params: { id: string } }; gives: McpServer };
  /** Replace an MCP server; fields that are left out take their defaults. */
  replaceMCPServer: { takes: { params: { id: string }; body: { name: string; description?: string; type: "stdio" | "http" | "filesystem" | "fetch"; configuration: { [name: string]: unknown }; trusts_annotations?: boolean; is_active?: boolean; id?: unknown; server_info?: unknown; discovered_at?: unknown; error?: unknown; failed_at?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown; tools?: unknown } }; gives: McpServer };
  /** Change fields of an MCP server. */
  changeMCPServer: { takes: { params: { id: string }; body: { name?: string; description?: string; type?: "stdio" | "http" | "filesystem" | "fetch"; configuration?: { [name: string]: unknown }; trusts_annotations?: boolean; is_active?: boolean } }; gives: McpServer };
  /** Delete an MCP server. */
  deleteMCPServer: { takes: { params: { id: string } }; gives: null };
  /** List models, newest first. */
  listModels: { takes: { query?: { limit?: number; cursor?: string; name?: string; provider?: string; purpose?: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier" } }; gives: { data: (Model)[]; next: string | null } };
  /** Create a model. */
  createModel: { takes: { body: { name: string; provider?: string; model?: string; purpose?: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown }; input_price?: number | null; output_price?: number | null; cached_input_price?: number | null; cache_write_price?: number | null; unit_price?: number | null; price_unit?: "minute" | "character" | "image" | "request" | null; context_tokens?: number | null; request_params?: { [name: string]: unknown }; fallback_position?: number | null; cost_per_1k_tokens?: number } }; gives: Model };
  /** Get a model. */
  getModel: { takes: { params: { id: string } }; gives: Model };
  /** Replace a model; fields that are left out take their defaults. */
  replaceModel: { takes: { params: { id: string }; body: { name: string; provider?: string; model?: string; purpose?: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown }; input_price?: number | null; output_price?: number | null; cached_input_price?: number | null; cache_write_price?: number | null; unit_price?: number | null; price_unit?: "minute" | "character" | "image" | "request" | null; context_tokens?: number | null; request_params?: { [name: string]: unknown }; fallback_position?: number | null; cost_per_1k_tokens?: number; id?: unknown; prices_from?: unknown; from_environment?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown; agents?: unknown; warnings?: unknown } }; gives: Model };
  /** Change fields of a model. */
  changeModel: { takes: { params: { id: string }; body: { name?: string; provider?: string; model?: string; purpose?: "llm" | "embedding" | "tts" | "stt" | "image" | "rerank" | "classifier"; domain?: string | null; base_url?: string | null; secret_name?: string | null; capabilities?: { [name: string]: unknown }; input_price?: number | null; output_price?: number | null; cached_input_price?: number | null; cache_write_price?: number | null; unit_price?: number | null; price_unit?: "minute" | "character" | "image" | "request" | null; context_tokens?: number | null; request_params?: { [name: string]: unknown }; fallback_position?: number | null; cost_per_1k_tokens?: number } }; gives: Model };
  /** Delete a model. */
  deleteModel: { takes: { params: { id: string } }; gives: null };
  /** List prompts, newest first. */
  listPrompts: { takes: { query?: { limit?: number; cursor?: string; name?: string } }; gives: { data: (Prompt)[]; next: string | null } };
  /** Create a prompt. */
  createPrompt: { takes: { body: { name: string; description?: string; template: string; variables?: { [name: string]: unknown } } }; gives: Prompt };
  /** Get a prompt. */
  getPrompt: { takes: { params: { id: string } }; gives: Prompt };
  /** Replace a prompt; fields that are left out take their defaults. */
  replacePrompt: { takes: { params: { id: string }; body: { name: string; description?: string; template: string; variables?: { [name: string]: unknown }; id?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Prompt };
  /** Change fields of a prompt. */
  changePrompt: { takes: { params: { id: string }; body: { name?: string; description?: string; template?: string; variables?: { [name: string]: unknown } } }; gives: Prompt };
  /** Delete a prompt. */
  deletePrompt: { takes: { params: { id: string } }; gives: null };
  /** List resources, newest first. */
  listResources: { takes: { query?: { limit?: number; cursor?: string; name?: string; type?: string; execution_id?: string; session_id?: string } }; gives: { data: (Resource)[]; next: string | null } };
  /** Create a resource. */
  createResource: { takes: { body: { name: string; type: string; uri?: string | null; sha256?: string; metadata?: { [name: string]: unknown }; execution_id?: string | null; session_id?: string | null; content?: string; base64?: string } }; gives: Resource };
  /** Get a resource. */
  getResource: { takes: { params: { id: string } }; gives: Resource };
  /** Replace a resource; fields that are left out take their defaults. */
  replaceResource: { takes: { params: { id: string }; body: { name: string; type: string; uri?: string | null; sha256?: string; metadata?: { [name: string]: unknown }; execution_id?: string | null; session_id?: string | null; content?: string; base64?: string; id?: unknown; size?: unknown; storage_path?: unknown; created_by?: unknown; created_at?: unknown } }; gives: Resource };
  /** Change fields of a resource. */
  changeResource: { takes: { params: { id: string }; body: { name?: string; type?: string; uri?: string | null; sha256?: string; metadata?: { [name: string]: unknown }; execution_id?: string | null; session_id?: string | null; content?: string; base64?: string } }; gives: Resource };
  /** Delete a resource. */
  deleteResource: { takes: { params: { id: string } }; gives: null };
  /** List searches, newest first. */
  listSearches: { takes: { query?: { limit?: number; cursor?: string; execution_id?: string; user_id?: string; knowledge_base_id?: string } }; gives: { data: (Search)[]; next: string | null } };
  /** Get a search. */
  getSearch: { takes: { params: { id: string } }; gives: Search };
  /** List skills, newest first. */
  listSkills: { takes: { query?: { limit?: number; cursor?: string; name?: string; is_active?: "true" | "false" } }; gives: { data: (Skill)[]; next: string | null } };
  /** Create a skill. */
  createSkill: { takes: { body: { name: string; description: string; content: string; is_active?: boolean } }; gives: Skill };
  /** Get a skill. */
  getSkill: { takes: { params: { id: string } }; gives: Skill };
  /** Replace a skill; fields that are left out take their defaults. */
  replaceSkill: { takes: { params: { id: string }; body: { name: string; description: string; content: string; is_active?: boolean; id?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown; agents?: unknown } }; gives: Skill };
  /** Change fields of a skill. */
  changeSkill: { takes: { params: { id: string }; body: { name?: string; description?: string; content?: string; is_active?: boolean } }; gives: Skill };
  /** Delete a skill. */
  deleteSkill: { takes: { params: { id: string } }; gives: null };
  /** List tools, newest first. */
  listTools: { takes: { query?: { limit?: number; cursor?: string; name?: string; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; is_active?: "true" | "false" } }; gives: { data: (Tool)[]; next: string | null } };
  /** Create a tool. */
  createTool: { takes: { body: { name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases?: (string)[]; description?: string; capabilities?: (string)[]; domain?: string | null; parameters?: { [name: string]: unknown }; configuration?: { [name: string]: unknown }; effect?: "pure" | "idempotent" | "once"; requires_approval?: boolean; timeout_ms?: number; cache_answers_for?: number | null; compensation_tool_id?: string | null; agent_id?: string | null; workflow_id?: string | null; is_active?: boolean; compensation_tool?: string | null; agent?: string; workflow?: string } }; gives: Tool };
  /** Get a tool. */
  getTool: { takes: { params: { id: string } }; gives: Tool };
  /** Replace a tool; fields that are left out take their defaults. */
  replaceTool: { takes: { params: { id: string }; body: { name: string; kind: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases?: (string)[]; description?: string; capabilities?: (string)[]; domain?: string | null; parameters?: { [name: string]: unknown }; configuration?: { [name: string]: unknown }; effect?: "pure" | "idempotent" | "once"; requires_approval?: boolean; timeout_ms?: number; cache_answers_for?: number | null; compensation_tool_id?: string | null; agent_id?: string | null; workflow_id?: string | null; is_active?: boolean; compensation_tool?: string | null; agent?: string; workflow?: string; id?: unknown; server_id?: unknown; agent_system_id?: unknown; created_at?: unknown; updated_at?: unknown; agents?: unknown } }; gives: Tool };
  /** Change fields of a tool. */
  changeTool: { takes: { params: { id: string }; body: { name?: string; kind?: "builtin" | "sql" | "http" | "mcp" | "code" | "agent" | "workflow" | "custom"; aliases?: (string)[]; description?: string; capabilities?: (string)[]; domain?: string | null; parameters?: { [name: string]: unknown }; configuration?: { [name: string]: unknown }; effect?: "pure" | "idempotent" | "once"; requires_approval?: boolean; timeout_ms?: number; cache_answers_for?: number | null; compensation_tool_id?: string | null; agent_id?: string | null; workflow_id?: string | null; is_active?: boolean; compensation_tool?: string | null; agent?: string; workflow?: string } }; gives: Tool };
  /** Delete a tool. */
  deleteTool: { takes: { params: { id: string } }; gives: null };
  /** List workflows, newest first. */
  listWorkflows: { takes: { query?: { limit?: number; cursor?: string; name?: string; type?: string; is_active?: "true" | "false" } }; gives: { data: (Workflow)[]; next: string | null } };
  /** Create a workflow. */
  createWorkflow: { takes: { body: { name: string; description?: string; type: string; instruction?: string; configuration?: { [name: string]: unknown }; is_active?: boolean; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; members?: (string | { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; sequence_order?: number; question?: { [name: string]: unknown }; role?: string; configuration?: { [name: string]: unknown } })[] } }; gives: Workflow };
  /** Get a workflow. */
  getWorkflow: { takes: { params: { id: string } }; gives: Workflow };
  /** Replace a workflow; fields that are left out take their defaults. */
  replaceWorkflow: { takes: { params: { id: string }; body: { name: string; description?: string; type: string; instruction?: string; configuration?: { [name: string]: unknown }; is_active?: boolean; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; members?: (string | { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; sequence_order?: number; question?: { [name: string]: unknown }; role?: string; configuration?: { [name: string]: unknown } })[]; id?: unknown; is_restricted?: unknown; agent_system_id?: unknown; current_version_id?: unknown; created_at?: unknown; updated_at?: unknown; workflow_id?: unknown; active?: unknown; version?: unknown } }; gives: Workflow };
  /** Change fields of a workflow. */
  changeWorkflow: { takes: { params: { id: string }; body: { name?: string; description?: string; type?: string; instruction?: string; configuration?: { [name: string]: unknown }; is_active?: boolean; max_steps?: number | null; max_tokens?: number | null; max_cost?: number | null; max_seconds?: number | null; members?: (string | { agent?: string; workflow?: string; agent_id?: string; workflow_id?: string; sequence_order?: number; question?: { [name: string]: unknown }; role?: string; configuration?: { [name: string]: unknown } })[]; active?: boolean } }; gives: Workflow };
  /** Delete a workflow. */
  deleteWorkflow: { takes: { params: { id: string } }; gives: null };
  /** List items, newest first. */
  listDatasetItems: { takes: { query?: { limit?: number; cursor?: string; dataset_id?: string; source_execution_id?: string } }; gives: { data: (Item)[]; next: string | null } };
  /** Create an item. */
  createItem: { takes: { body: { dataset_id?: string; input?: string; input_data?: unknown; input_parts?: ({ [name: string]: unknown })[] | null; history?: ({ [name: string]: unknown })[] | null; expected?: unknown; split?: string | null; metadata?: { [name: string]: unknown }; removed_at?: string | null; dataset?: string } }; gives: Item };
  /** Get an item. */
  getItem: { takes: { params: { id: string } }; gives: Item };
  /** Replace an item; fields that are left out take their defaults. */
  replaceItem: { takes: { params: { id: string }; body: { dataset_id?: string; input?: string; input_data?: unknown; input_parts?: ({ [name: string]: unknown })[] | null; history?: ({ [name: string]: unknown })[] | null; expected?: unknown; split?: string | null; metadata?: { [name: string]: unknown }; removed_at?: string | null; dataset?: string; id?: unknown; source_execution_id?: unknown; source_seq?: unknown; source_version_id?: unknown; source_user_id?: unknown; source_user_ids?: unknown; trust?: unknown; created_by?: unknown; created_at?: unknown } }; gives: Item };
  /** Change fields of an item. */
  changeItem: { takes: { params: { id: string }; body: { dataset_id?: string; input?: string; input_data?: unknown; input_parts?: ({ [name: string]: unknown })[] | null; history?: ({ [name: string]: unknown })[] | null; expected?: unknown; split?: string | null; metadata?: { [name: string]: unknown }; removed_at?: string | null; dataset?: string } }; gives: Item };
  /** List results, newest first. */
  listEvaluationResults: { takes: { query?: { limit?: number; cursor?: string; evaluation_id?: string; item_id?: string; execution_id?: string; passed?: "true" | "false" } }; gives: { data: (Result)[]; next: string | null } };
  /** Get a result. */
  getResult: { takes: { params: { id: string } }; gives: Result };
  /** List graders, newest first. */
  listGraders: { takes: { query?: { limit?: number; cursor?: string; name?: string; dataset_id?: string } }; gives: { data: (Grader)[]; next: string | null } };
  /** Create a grader. */
  createGrader: { takes: { body: { name: string; kind: "exact" | "normalized" | "regex" | "json_schema" | "json_fields" | "numeric" | "sql" | "similarity" | "citation" | "trajectory" | "rubric" | "latency" | "cost"; dataset_id?: string | null; configuration?: { [name: string]: unknown }; weight?: number; pass_score?: number; dataset?: string | null } }; gives: Grader };
  /** Get a grader. */
  getGrader: { takes: { params: { id: string } }; gives: Grader };
  /** Replace a grader; fields that are left out take their defaults. */
  replaceGrader: { takes: { params: { id: string }; body: { name: string; kind: "exact" | "normalized" | "regex" | "json_schema" | "json_fields" | "numeric" | "sql" | "similarity" | "citation" | "trajectory" | "rubric" | "latency" | "cost"; dataset_id?: string | null; configuration?: { [name: string]: unknown }; weight?: number; pass_score?: number; dataset?: string | null; id?: unknown; created_at?: unknown; updated_at?: unknown } }; gives: Grader };
  /** Change fields of a grader. */
  changeGrader: { takes: { params: { id: string }; body: { name?: string; kind?: "exact" | "normalized" | "regex" | "json_schema" | "json_fields" | "numeric" | "sql" | "similarity" | "citation" | "trajectory" | "rubric" | "latency" | "cost"; dataset_id?: string | null; configuration?: { [name: string]: unknown }; weight?: number; pass_score?: number; dataset?: string | null } }; gives: Grader };
  /** Delete a grader. */
  deleteGrader: { takes: { params: { id: string } }; gives: null };
  /** List grading rules, newest first. */
  listGradingRules: { takes: { query?: { limit?: number; cursor?: string; name?: string; dataset_id?: string; agent_id?: string; workflow_id?: string; is_active?: "true" | "false" } }; gives: { data: (GradingRule)[]; next: string | null } };
  /** Create a grading rule. */
  createGradingRule: { takes: { body: { name: string; dataset_id?: string; graders?: (string)[] | null; agent_id?: string | null; workflow_id?: string | null; sample?: number; interval_seconds?: number; delay_seconds?: number; is_active?: boolean; dataset?: string; agent?: string; workflow?: string } }; gives: GradingRule };
  /** Get a grading rule. */
  getGradingRule: { takes: { params: { id: string } }; gives: GradingRule };
  /** Replace a grading rule; fields that are left out take their defaults. */
  replaceGradingRule: { takes: { params: { id: string }; body: { name: string; dataset_id?: string; graders?: (string)[] | null; agent_id?: string | null; workflow_id?: string | null; sample?: number; interval_seconds?: number; delay_seconds?: number; is_active?: boolean; dataset?: string; agent?: string; workflow?: string; id?: unknown; next_at?: unknown; last_at?: unknown; graded_until_at?: unknown; last_error?: unknown; created_at?: unknown; updated_at?: unknown; grades?: unknown; evaluations?: unknown } }; gives: GradingRule };
  /** Change fields of a grading rule. */
  changeGradingRule: { takes: { params: { id: string }; body: { name?: string; dataset_id?: string; graders?: (string)[] | null; agent_id?: string | null; workflow_id?: string | null; sample?: number; interval_seconds?: number; delay_seconds?: number; is_active?: boolean; dataset?: string; agent?: string; workflow?: string } }; gives: GradingRule };
  /** Delete a grading rule. */
  deleteGradingRule: { takes: { params: { id: string } }; gives: null };
  /** Describe the rows of each resource: their fields, lists and forms. */
  listResourceTypes: { takes: {  }; gives: { data: (ResourceType)[] } };
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
  getAgentVersion: ['GET', '/api/agents/{id}/versions/{version}'],
  compareAgentVersions: ['GET', '/api/agents/{id}/versions/{version}/compare/{other}'],
  restoreAgentVersion: ['POST', '/api/agents/{id}/versions/{version}/restore'],
  labelAgentVersion: ['PUT', '/api/agents/{id}/labels/{label}'],
  deleteAgentLabel: ['DELETE', '/api/agents/{id}/labels/{label}'],
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
  cancelExecutions: ['POST', '/api/executions/cancel'],
  pauseExecutions: ['POST', '/api/executions/pause'],
  resumeExecutions: ['POST', '/api/executions/resume'],
  retryExecutions: ['POST', '/api/executions/retry'],
  addExecutionInput: ['POST', '/api/executions/{id}/input'],
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
  answerQuestions: ['POST', '/api/questions/answer'],
  listWatchedRows: ['GET', '/api/watched-rows'],
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
  applyAgentSystems: ['POST', '/agent-systems/apply'],
  importAgentSystem: ['POST', '/agent-systems/import'],
  exportAgentSystems: ['GET', '/agent-systems/export'],
  getAgentSystem: ['GET', '/agent-systems/{id}'],
  exportAgentSystem: ['GET', '/agent-systems/{id}/export'],
  showMe: ['GET', '/api/me'],
  listUsage: ['GET', '/api/usage'],
  listModelCatalog: ['GET', '/api/models/catalog'],
  listLiveExecutions: ['GET', '/api/executions/live'],
  exportExecution: ['GET', '/api/executions/{id}/export'],
  getStepRequest: ['GET', '/api/executions/{id}/steps/{seq}/request'],
  getTodoList: ['GET', '/sessions/{sid}/todolist'],
  editTodoList: ['PUT', '/sessions/{sid}/todolist'],
  useAlertRules: ['POST', '/api/alert-rules/use'],
  acceptMcpTool: ['POST', '/api/mcp-servers/{id}/accept-tool'],
  listSettings: ['GET', '/api/settings'],
  getSetting: ['GET', '/api/settings/{key}'],
  putSetting: ['PUT', '/api/settings/{key}'],
  deleteSetting: ['DELETE', '/api/settings/{key}'],
  useToolPolicies: ['POST', '/api/tool-policies/use'],
  previewOutputFilters: ['POST', '/api/output-filters/preview'],
  listWorkflowVersions: ['GET', '/api/workflows/{id}/versions'],
  getWorkflowVersion: ['GET', '/api/workflows/{id}/versions/{version}'],
  compareWorkflowVersions: ['GET', '/api/workflows/{id}/versions/{version}/compare/{other}'],
  restoreWorkflowVersion: ['POST', '/api/workflows/{id}/versions/{version}/restore'],
  labelWorkflowVersion: ['PUT', '/api/workflows/{id}/labels/{label}'],
  deleteWorkflowLabel: ['DELETE', '/api/workflows/{id}/labels/{label}'],
  getWorkflowPerformance: ['GET', '/api/workflows/{id}/performance'],
  testModel: ['POST', '/api/models/test'],
  listPromptVersions: ['GET', '/api/prompts/{id}/versions'],
  getPromptVersion: ['GET', '/api/prompts/{id}/versions/{version}'],
  comparePromptVersions: ['GET', '/api/prompts/{id}/versions/{version}/compare/{other}'],
  restorePromptVersion: ['POST', '/api/prompts/{id}/versions/{version}/restore'],
  labelPromptVersion: ['PUT', '/api/prompts/{id}/labels/{label}'],
  deletePromptLabel: ['DELETE', '/api/prompts/{id}/labels/{label}'],
  listSkillVersions: ['GET', '/api/skills/{id}/versions'],
  getSkillVersion: ['GET', '/api/skills/{id}/versions/{version}'],
  compareSkillVersions: ['GET', '/api/skills/{id}/versions/{version}/compare/{other}'],
  restoreSkillVersion: ['POST', '/api/skills/{id}/versions/{version}/restore'],
  listToolRegistry: ['GET', '/tools'],
  getResourceContent: ['GET', '/api/resources/{id}/content'],
  listScheduleTimes: ['GET', '/api/schedules/times'],
  listSchedules: ['GET', '/api/schedules'],
  createSchedule: ['POST', '/api/schedules'],
  getSchedule: ['GET', '/api/schedules/{id}'],
  replaceSchedule: ['PUT', '/api/schedules/{id}'],
  changeSchedule: ['PATCH', '/api/schedules/{id}'],
  deleteSchedule: ['DELETE', '/api/schedules/{id}'],
  runSchedule: ['POST', '/api/schedules/{id}/run'],
  listWebhooks: ['GET', '/api/webhooks'],
  createWebhook: ['POST', '/api/webhooks'],
  getWebhook: ['GET', '/api/webhooks/{id}'],
  replaceWebhook: ['PUT', '/api/webhooks/{id}'],
  changeWebhook: ['PATCH', '/api/webhooks/{id}'],
  deleteWebhook: ['DELETE', '/api/webhooks/{id}'],
  issueSigningKey: ['POST', '/api/webhooks/{id}/signing-key'],
  issueCallbackSigningKey: ['POST', '/api/callbacks/signing-key'],
  listDeliveriesOfWebhook: ['GET', '/api/webhooks/{id}/deliveries'],
  listWebhookDeliveries: ['GET', '/api/webhook-deliveries'],
  getWebhookDelivery: ['GET', '/api/webhook-deliveries/{id}'],
  redeliver: ['POST', '/api/webhook-deliveries/{id}/redeliver'],
  listInboundHooks: ['GET', '/api/inbound-hooks'],
  createInboundHook: ['POST', '/api/inbound-hooks'],
  getInboundHook: ['GET', '/api/inbound-hooks/{id}'],
  replaceInboundHook: ['PUT', '/api/inbound-hooks/{id}'],
  changeInboundHook: ['PATCH', '/api/inbound-hooks/{id}'],
  deleteInboundHook: ['DELETE', '/api/inbound-hooks/{id}'],
  testInboundHook: ['POST', '/api/inbound-hooks/{id}/test'],
  listInboundDeliveries: ['GET', '/api/inbound-deliveries'],
  getInboundDelivery: ['GET', '/api/inbound-deliveries/{id}'],
  listIntegrations: ['GET', '/api/integrations'],
  createIntegration: ['POST', '/api/integrations'],
  getIntegration: ['GET', '/api/integrations/{id}'],
  replaceIntegration: ['PUT', '/api/integrations/{id}'],
  changeIntegration: ['PATCH', '/api/integrations/{id}'],
  deleteIntegration: ['DELETE', '/api/integrations/{id}'],
  connectAccount: ['POST', '/api/integrations/{id}/connect'],
  listConnectedAccounts: ['GET', '/api/connected-accounts'],
  getConnectedAccount: ['GET', '/api/connected-accounts/{id}'],
  disconnectAccount: ['DELETE', '/api/connected-accounts/{id}'],
  listKnowledgeBases: ['GET', '/api/knowledge-bases'],
  createKnowledgeBase: ['POST', '/api/knowledge-bases'],
  getKnowledgeBase: ['GET', '/api/knowledge-bases/{id}'],
  replaceKnowledgeBase: ['PUT', '/api/knowledge-bases/{id}'],
  changeKnowledgeBase: ['PATCH', '/api/knowledge-bases/{id}'],
  deleteKnowledgeBase: ['DELETE', '/api/knowledge-bases/{id}'],
  uploadDocument: ['POST', '/api/knowledge-bases/{id}/documents', 'text/csv'],
  searchKnowledgeBase: ['GET', '/api/knowledge-bases/{id}/search'],
  getKnowledgeBaseState: ['GET', '/api/knowledge-bases/{id}/state'],
  replaySearches: ['GET', '/api/knowledge-bases/{id}/replay'],
  fitRanking: ['POST', '/api/knowledge-bases/{id}/fit-ranking'],
  getKnowledgeBaseHealth: ['GET', '/api/knowledge-bases/{id}/health'],
  listStaleAnswers: ['GET', '/api/knowledge-bases/{id}/stale-answers'],
  listExecutionSources: ['GET', '/api/executions/{id}/sources'],
  listDocuments: ['GET', '/api/documents'],
  createDocument: ['POST', '/api/documents'],
  getDocument: ['GET', '/api/documents/{id}'],
  replaceDocument: ['PUT', '/api/documents/{id}'],
  changeDocument: ['PATCH', '/api/documents/{id}'],
  deleteDocument: ['DELETE', '/api/documents/{id}'],
  listDocumentChunks: ['GET', '/api/documents/{id}/chunks'],
  getDocumentContent: ['GET', '/api/documents/{id}/content'],
  listSearchHits: ['GET', '/api/searches/{id}/hits'],
  recallMemories: ['GET', '/api/memories/recall'],
  listMemories: ['GET', '/api/memories'],
  remember: ['POST', '/api/memories'],
  getMemory: ['GET', '/api/memories/{id}'],
  deleteMemory: ['DELETE', '/api/memories/{id}'],
  correctMemory: ['POST', '/api/memories/{id}/correct'],
  pinMemory: ['POST', '/api/memories/{id}/pin'],
  proposeMemory: ['POST', '/api/memories/{id}/propose'],
  approveMemory: ['POST', '/api/memories/{id}/approve'],
  rejectMemory: ['POST', '/api/memories/{id}/reject'],
  listDatasets: ['GET', '/api/datasets'],
  createDataSet: ['POST', '/api/datasets'],
  getDataSet: ['GET', '/api/datasets/{id}'],
  replaceDataSet: ['PUT', '/api/datasets/{id}'],
  changeDataSet: ['PATCH', '/api/datasets/{id}'],
  deleteDataSet: ['DELETE', '/api/datasets/{id}'],
  addDatasetItems: ['POST', '/api/datasets/{id}/items'],
  addRunToDataset: ['POST', '/api/datasets/{id}/runs'],
  listEvaluations: ['GET', '/api/evaluations'],
  evaluate: ['POST', '/api/evaluations'],
  getEvaluation: ['GET', '/api/evaluations/{id}'],
  evaluateRuns: ['POST', '/api/evaluations/runs'],
  cancelEvaluation: ['POST', '/api/evaluations/{id}/cancel'],
  gradeAgain: ['POST', '/api/evaluations/{id}/grade-again'],
  compareEvaluations: ['GET', '/api/evaluations/{id}/comparison'],
  checkEvaluation: ['GET', '/api/evaluations/{id}/check'],
  listEvaluationItems: ['GET', '/api/evaluations/{id}/items'],
  promoteEvaluation: ['POST', '/api/evaluations/{id}/promote'],
  graderAgreement: ['GET', '/api/evaluations/{id}/agreement'],
  graderDisagreements: ['GET', '/api/evaluations/{id}/disagreements'],
  rubricExamples: ['GET', '/api/evaluations/{id}/rubric-examples'],
  leaderboard: ['GET', '/api/datasets/{id}/leaderboard'],
  listQualityByDay: ['GET', '/api/quality-by-day'],
  listGrades: ['GET', '/api/grades'],
  grade: ['POST', '/api/grades'],
  getGrade: ['GET', '/api/grades/{id}'],
  listGradeQueue: ['GET', '/api/grade-queue'],
  listTrainingExamples: ['GET', '/api/training-examples'],
  listPreferencePairs: ['GET', '/api/preference-pairs'],
  listUsers: ['GET', '/api/users'],
  createUser: ['POST', '/api/users'],
  getUser: ['GET', '/api/users/{id}'],
  replaceUser: ['PUT', '/api/users/{id}'],
  changeUser: ['PATCH', '/api/users/{id}'],
  eraseUser: ['POST', '/api/users/{id}/erase'],
  listApiKeys: ['GET', '/api/api-keys'],
  createApiKey: ['POST', '/api/api-keys'],
  getAPIKey: ['GET', '/api/api-keys/{id}'],
  replaceAPIKey: ['PUT', '/api/api-keys/{id}'],
  changeAPIKey: ['PATCH', '/api/api-keys/{id}'],
  revokeApiKey: ['POST', '/api/api-keys/{id}/revoke'],
  listSecrets: ['GET', '/api/secrets'],
  createSecret: ['POST', '/api/secrets'],
  getSecret: ['GET', '/api/secrets/{id}'],
  rotateSecret: ['PUT', '/api/secrets/{id}'],
  deleteSecret: ['DELETE', '/api/secrets/{id}'],
  listAuditLog: ['GET', '/api/audit-log'],
  checkAuditLog: ['GET', '/api/audit-log/check'],
  showQueue: ['GET', '/api/queue'],
  listViolations: ['GET', '/api/violations'],
  listBatchJobs: ['GET', '/api/batch-jobs'],
  pauseBatchJob: ['POST', '/api/batch-jobs/{name}/pause'],
  resumeBatchJob: ['POST', '/api/batch-jobs/{name}/resume'],
  runSqlQuery: ['POST', '/api/sql'],
  listApprovals: ['GET', '/api/approvals'],
  getApproval: ['GET', '/api/approvals/{id}'],
  deleteApproval: ['DELETE', '/api/approvals/{id}'],
  listGrants: ['GET', '/api/grants'],
  createGrant: ['POST', '/api/grants'],
  getGrant: ['GET', '/api/grants/{id}'],
  replaceGrant: ['PUT', '/api/grants/{id}'],
  changeGrant: ['PATCH', '/api/grants/{id}'],
  deleteGrant: ['DELETE', '/api/grants/{id}'],
  listHooks: ['GET', '/api/hooks'],
  getHook: ['GET', '/api/hooks/{id}'],
  listLimits: ['GET', '/api/limits'],
  createLimit: ['POST', '/api/limits'],
  getLimit: ['GET', '/api/limits/{id}'],
  replaceLimit: ['PUT', '/api/limits/{id}'],
  changeLimit: ['PATCH', '/api/limits/{id}'],
  deleteLimit: ['DELETE', '/api/limits/{id}'],
  listOutputFilters: ['GET', '/api/output-filters'],
  createOutputFilter: ['POST', '/api/output-filters'],
  getOutputFilter: ['GET', '/api/output-filters/{id}'],
  replaceOutputFilter: ['PUT', '/api/output-filters/{id}'],
  changeOutputFilter: ['PATCH', '/api/output-filters/{id}'],
  deleteOutputFilter: ['DELETE', '/api/output-filters/{id}'],
  listRetentionPolicies: ['GET', '/api/retention-policies'],
  createRetentionPolicy: ['POST', '/api/retention-policies'],
  getRetentionPolicy: ['GET', '/api/retention-policies/{id}'],
  replaceRetentionPolicy: ['PUT', '/api/retention-policies/{id}'],
  changeRetentionPolicy: ['PATCH', '/api/retention-policies/{id}'],
  deleteRetentionPolicy: ['DELETE', '/api/retention-policies/{id}'],
  listSavedViews: ['GET', '/api/saved-views'],
  createSavedView: ['POST', '/api/saved-views'],
  getSavedView: ['GET', '/api/saved-views/{id}'],
  replaceSavedView: ['PUT', '/api/saved-views/{id}'],
  changeSavedView: ['PATCH', '/api/saved-views/{id}'],
  deleteSavedView: ['DELETE', '/api/saved-views/{id}'],
  listToolPolicies: ['GET', '/api/tool-policies'],
  createToolPolicy: ['POST', '/api/tool-policies'],
  getToolPolicy: ['GET', '/api/tool-policies/{id}'],
  replaceToolPolicy: ['PUT', '/api/tool-policies/{id}'],
  changeToolPolicy: ['PATCH', '/api/tool-policies/{id}'],
  deleteToolPolicy: ['DELETE', '/api/tool-policies/{id}'],
  listAlertRules: ['GET', '/api/alert-rules'],
  createAlertRule: ['POST', '/api/alert-rules'],
  getAlertRule: ['GET', '/api/alert-rules/{id}'],
  replaceAlertRule: ['PUT', '/api/alert-rules/{id}'],
  changeAlertRule: ['PATCH', '/api/alert-rules/{id}'],
  deleteAlertRule: ['DELETE', '/api/alert-rules/{id}'],
  listMcpServers: ['GET', '/api/mcp-servers'],
  createMCPServer: ['POST', '/api/mcp-servers'],
  getMCPServer: ['GET', '/api/mcp-servers/{id}'],
  replaceMCPServer: ['PUT', '/api/mcp-servers/{id}'],
  changeMCPServer: ['PATCH', '/api/mcp-servers/{id}'],
  deleteMCPServer: ['DELETE', '/api/mcp-servers/{id}'],
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
  listResources: ['GET', '/api/resources'],
  createResource: ['POST', '/api/resources'],
  getResource: ['GET', '/api/resources/{id}'],
  replaceResource: ['PUT', '/api/resources/{id}'],
  changeResource: ['PATCH', '/api/resources/{id}'],
  deleteResource: ['DELETE', '/api/resources/{id}'],
  listSearches: ['GET', '/api/searches'],
  getSearch: ['GET', '/api/searches/{id}'],
  listSkills: ['GET', '/api/skills'],
  createSkill: ['POST', '/api/skills'],
  getSkill: ['GET', '/api/skills/{id}'],
  replaceSkill: ['PUT', '/api/skills/{id}'],
  changeSkill: ['PATCH', '/api/skills/{id}'],
  deleteSkill: ['DELETE', '/api/skills/{id}'],
  listTools: ['GET', '/api/tools'],
  createTool: ['POST', '/api/tools'],
  getTool: ['GET', '/api/tools/{id}'],
  replaceTool: ['PUT', '/api/tools/{id}'],
  changeTool: ['PATCH', '/api/tools/{id}'],
  deleteTool: ['DELETE', '/api/tools/{id}'],
  listWorkflows: ['GET', '/api/workflows'],
  createWorkflow: ['POST', '/api/workflows'],
  getWorkflow: ['GET', '/api/workflows/{id}'],
  replaceWorkflow: ['PUT', '/api/workflows/{id}'],
  changeWorkflow: ['PATCH', '/api/workflows/{id}'],
  deleteWorkflow: ['DELETE', '/api/workflows/{id}'],
  listDatasetItems: ['GET', '/api/dataset-items'],
  createItem: ['POST', '/api/dataset-items'],
  getItem: ['GET', '/api/dataset-items/{id}'],
  replaceItem: ['PUT', '/api/dataset-items/{id}'],
  changeItem: ['PATCH', '/api/dataset-items/{id}'],
  listEvaluationResults: ['GET', '/api/evaluation-results'],
  getResult: ['GET', '/api/evaluation-results/{id}'],
  listGraders: ['GET', '/api/graders'],
  createGrader: ['POST', '/api/graders'],
  getGrader: ['GET', '/api/graders/{id}'],
  replaceGrader: ['PUT', '/api/graders/{id}'],
  changeGrader: ['PATCH', '/api/graders/{id}'],
  deleteGrader: ['DELETE', '/api/graders/{id}'],
  listGradingRules: ['GET', '/api/grading-rules'],
  createGradingRule: ['POST', '/api/grading-rules'],
  getGradingRule: ['GET', '/api/grading-rules/{id}'],
  replaceGradingRule: ['PUT', '/api/grading-rules/{id}'],
  changeGradingRule: ['PATCH', '/api/grading-rules/{id}'],
  deleteGradingRule: ['DELETE', '/api/grading-rules/{id}'],
  listResourceTypes: ['GET', '/api/resource-types'],
} as const satisfies Record<keyof Operations, readonly [method: string, path: string, type?: string]>;
