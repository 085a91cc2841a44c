-- Up Migration
-- Creates all types, and the functions that columns and checks of tables use.

-- Ids are uuid v7: they sort by time, so that a month of runs is a range of ids and a partition. A
-- parsed body refers to functions and types by oid, so it needs no search_path, and it is inlined
-- into every default. Before PostgreSQL 18 a single expression reads the clock once. In units of
-- 1/4096 ms the time has 60 bits: 12 hex digits of milliseconds and 3 hex digits of their fraction.
-- The version digit goes between the two parts. PostgreSQL 18 has the same layout, which also
-- orders the ids of one millisecond.
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    create function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      return pg_catalog.uuidv7();
  else
    create function howdah.uuid_v7() returns uuid
      language sql volatile parallel safe
      return (
        substring(
          overlay(
            encode(
              int8send((extract(epoch from clock_timestamp()) * 1000000)::bigint * 512 / 125), 'hex'
            )
            placing '7' from 14 for 0
          ) from 2
        ) || substring(gen_random_uuid()::text from 20)
      )::uuid;
  end if;
end $$;
comment on function howdah.uuid_v7() is
  E'@behavior -*\nReturns a new uuid v7, in the layout of PostgreSQL 18 on every version.';

create function howdah_private.is_uuid_v7(id uuid) returns boolean
  language sql immutable parallel safe
  return get_byte(uuid_send(id), 6) >> 4 = 7;

-- Returns true if model providers accept all names as names of tools.
create function howdah_private.fit_the_wire(names text[]) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
  as $$
    select coalesce(bool_and(n.name ~ '^[A-Za-z0-9_-]{1,64}$'), true)
    from unnest(fit_the_wire.names) as n (name)
  $$;

-- A domain, because Postgres routes a row to its partition before it checks the table constraints.
create domain howdah.execution_id as uuid
  constraint must_be_uuid_v7 check (howdah_private.is_uuid_v7(value));
comment on domain howdah.execution_id is
  'Id of an execution: a uuid v7, since executions are partitioned by time.';

create type howdah.user_role as enum ('owner', 'admin', 'member', 'viewer');
comment on type howdah.user_role is 'Rights of a user within the tenant.';

create type howdah.grant_permission as enum ('read', 'run', 'edit');
comment on type howdah.grant_permission is
  'Permission of a grant. Each value includes the values before it.';

create type howdah.new_api_key as (
  id uuid,
  key text,
  name text,
  prefix text,
  user_id uuid,
  role howdah.user_role,
  scopes text[],
  expires_at timestamptz
);
comment on type howdah.new_api_key is 'A new API key. The full key is returned only once, here.';

create type howdah.model_purpose as enum ('llm', 'embedding', 'tts', 'stt');
comment on type howdah.model_purpose is 'Purpose of a model.';

create type howdah.agent_engine as enum ('builtin', 'http', 'openai', 'a2a', 'custom');
comment on type howdah.agent_engine is
  'Engine of an agent, which produces its answers: builtin uses the models of the agent, the '
  'others call another program. See docs/engines.md.';

create type howdah.context_policy as enum ('trim', 'summarize', 'none');
comment on type howdah.context_policy is
  'Policy for a conversation that exceeds the context of its model: trim drops the oldest part, '
  'summarize replaces it by a summary, none sends the conversation as it is.';

create type howdah.workflow_type as enum (
  'chain', 'parallel', 'router', 'orchestrator', 'evaluator_optimizer', 'voting', 'map', 'graph'
);
comment on type howdah.workflow_type is
  'Type of a workflow: the way its members work together. Each type has a JSON Schema for its '
  'configuration.';

create type howdah.child_wake as enum ('each', 'failure', 'last');
comment on type howdah.child_wake is
  'Ends of children that wake a waiting run: every end (each), a failure or the last end '
  '(failure), or only the last end (last).';

create type howdah.tool_kind as enum (
  'builtin', 'sql', 'http', 'mcp', 'code', 'agent', 'workflow', 'custom'
);
comment on type howdah.tool_kind is 'Kind of a tool, which determines what executes its calls.';

create type howdah.tool_effect as enum ('pure', 'idempotent', 'once');
comment on type howdah.tool_effect is
  'Effect of repeating a call: pure changes nothing, idempotent leaves the same result, once may '
  'do harm.';

create type howdah.mcp_server_type as enum ('stdio', 'http');
comment on type howdah.mcp_server_type is
  'Transport of an MCP server: stdio starts a command on the machine of the worker, http calls a '
  'URL.';

create type howdah.mcp_tool_status as enum ('accepted', 'new', 'changed', 'refused', 'gone');
comment on type howdah.mcp_tool_status is
  'Status of an MCP tool or prompt: accepted is available to agents, new and changed wait for '
  'acceptance, refused cannot be offered, gone is no longer on the server.';

create type howdah.hook_event as enum (
  'before_run', 'after_setup', 'message_sent', 'tool_before', 'tool_after', 'execution_complete'
);
comment on type howdah.hook_event is 'Event that calls a hook. See docs/hooks.md.';

create type howdah.trust as enum ('system', 'user', 'internal', 'external');
comment on type howdah.trust is 'Trust in the origin of a text, from the highest to the lowest.';

create type howdah.policy_decision as enum ('allow', 'ask', 'deny');
comment on type howdah.policy_decision is
  'Decision of a tool policy on a call, from the mildest to the strictest.';

create type howdah.filter_action as enum ('flag', 'redact', 'block');
comment on type howdah.filter_action is
  'Action of an output filter on a match, from the mildest to the strictest.';

create type howdah.filter_place as enum (
  'output', 'question', 'arguments', 'sql', 'message', 'board', 'file'
);
comment on type howdah.filter_place is
  'Place that an output filter checks: answers, questions to people, arguments that leave the '
  'installation, arguments of SQL tools and queries, messages to other agents, boards and todo '
  'lists, files.';

create type howdah.execution_status as enum (
  'queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled'
);
comment on type howdah.execution_status is
  'Status of a run. The allowed changes are rows of howdah.status_transitions.';

create type howdah.waiting_reason as enum ('child', 'question', 'timer', 'turn', 'quota');
comment on type howdah.waiting_reason is 'Reason why a run waits.';

create type howdah.stop_reason as enum (
  'final_answer', 'max_steps', 'max_tokens', 'max_cost', 'max_time', 'loop_guard', 'cancelled',
  'error', 'expired', 'poison'
);
comment on type howdah.stop_reason is 'Reason why a run ended.';

create type howdah.step_kind as enum (
  'input', 'model', 'tool_started', 'tool', 'child_started', 'child', 'question', 'answer',
  'handoff', 'timer', 'guard', 'retry', 'fork', 'output', 'error'
);
comment on type howdah.step_kind is 'Kind of a step in the log of a run.';

create type howdah.message_role as enum ('system', 'user', 'assistant', 'tool');
comment on type howdah.message_role is 'Author of a message, in the terms of chat models.';

create type howdah.session_policy as enum ('queue', 'reject', 'interrupt', 'steer');
comment on type howdah.session_policy is
  'Policy for a message that arrives while a run of its session is live.';

create type howdah.question_kind as enum ('question', 'approval', 'effect');
comment on type howdah.question_kind is
  'Kind of a question: question asks for information, approval asks to allow a tool call, effect '
  'asks for the outcome of a call that was interrupted.';

create type howdah.question_status as enum ('open', 'answered', 'expired', 'cancelled');
comment on type howdah.question_status is 'Status of a question. The first answer counts.';

create type howdah.approval_scope as enum ('run', 'session', 'agent');
comment on type howdah.approval_scope is 'Scope of a lasting approval.';

create type howdah.todo_status as enum ('open', 'doing', 'done', 'blocked', 'cancelled');
comment on type howdah.todo_status is 'Progress of a todo.';

create type howdah.overlap_policy as enum ('allow', 'skip', 'cancel');
comment on type howdah.overlap_policy is
  'Policy for a time of a schedule whose last run is live: allow starts a run beside it, skip '
  'starts none, cancel cancels the live run first.';

create type howdah.catchup_policy as enum ('skip', 'one', 'all');
comment on type howdah.catchup_policy is
  'Policy for times of a schedule that passed without a worker: skip runs none of them, one runs '
  'the newest, all runs each, the newest 100 at most.';

create type howdah.write_back_status as enum ('waiting', 'written', 'superseded', 'gone', 'failed');
comment on type howdah.write_back_status is
  'State of an answer for a watched row: waiting for the run, written, superseded (the column '
  'changed), gone (the row was deleted) or failed.';

create type howdah.delivery_status as enum ('pending', 'delivered', 'failed');
comment on type howdah.delivery_status is
  'Status of a delivery: pending is in progress or will be retried, delivered was accepted by the '
  'receiver, failed is not retried.';

create type howdah.alert_state as enum ('unknown', 'clear', 'firing', 'failed');
comment on type howdah.alert_state is
  'State of an alert rule: unknown has not run yet, clear found no rows, firing found rows, '
  'failed could not run.';

create type howdah.alert_severity as enum ('warning', 'critical');
comment on type howdah.alert_severity is
  'Urgency of an alert: warning needs attention within a day, critical at once.';

create type howdah.setting_scope as enum ('tenant', 'system');
comment on type howdah.setting_scope is
  'Scope of a setting: one tenant (tenant), or every tenant without a value of its own (system).';

create type howdah.limit_scope as enum (
  'tenant', 'user', 'agent', 'session', 'api_key', 'model', 'tool', 'key', 'system'
);
comment on type howdah.limit_scope is
  'Whose use counts: the tenant, one of its users, agents, sessions, API keys, models, tools or '
  'concurrency keys, or the whole installation (system).';

create type howdah.limit_metric as enum (
  'requests', 'runs', 'tokens', 'cost', 'storage', 'running_runs', 'running_calls', 'calls'
);
comment on type howdah.limit_metric is
  'What counts: requests to the API, runs (without children), tokens, cost, bytes of resources '
  '(storage), runs at once (running_runs), calls at once (running_calls), calls that begin.';

create type howdah.limit_period as enum ('minute', 'hour', 'day', 'month');
comment on type howdah.limit_period is 'Calendar period, in UTC, over which use is added up.';

create type howdah.erasure_mode as enum ('anonymise', 'delete');
comment on type howdah.erasure_mode is
  'Mode of erasing the runs of a user: anonymise erases their contents and keeps the rest, delete '
  'deletes the runs.';

-- Down Migration
drop type howdah.erasure_mode, howdah.limit_period, howdah.limit_metric, howdah.limit_scope,
  howdah.setting_scope, howdah.alert_severity, howdah.alert_state, howdah.delivery_status,
  howdah.write_back_status, howdah.catchup_policy, howdah.overlap_policy, howdah.todo_status,
  howdah.approval_scope, howdah.question_status, howdah.question_kind, howdah.session_policy,
  howdah.message_role, howdah.step_kind, howdah.stop_reason, howdah.waiting_reason,
  howdah.execution_status, howdah.filter_place, howdah.filter_action, howdah.policy_decision,
  howdah.trust, howdah.hook_event, howdah.mcp_tool_status, howdah.mcp_server_type,
  howdah.tool_effect, howdah.tool_kind, howdah.child_wake, howdah.workflow_type,
  howdah.context_policy, howdah.agent_engine, howdah.model_purpose, howdah.new_api_key,
  howdah.grant_permission, howdah.user_role;
drop domain howdah.execution_id;
drop function if exists howdah_private.fit_the_wire(text[]);
drop function if exists howdah_private.is_uuid_v7(uuid);
drop function if exists howdah.uuid_v7();
