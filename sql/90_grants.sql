-- Privileges of all roles. Everything is revoked first, so a role has what this file grants and no
-- more. Partitions are reached through their table alone. Objects that others created in these
-- schemas stay untouched.
do $$
declare
  v_object text;
begin
  for v_object in
    select format('table %s', c.oid::regclass) from pg_catalog.pg_class as c
    where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and c.relkind in ('r', 'p', 'v') and not c.relispartition
      and starts_with(pg_get_userbyid(c.relowner), 'howdah_')
    union all
    select format('routine %s', p.oid::regprocedure) from pg_catalog.pg_proc as p
    where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and starts_with(pg_get_userbyid(p.proowner), 'howdah_')
  loop
    execute format(
      'revoke all on %s from public, howdah_app, howdah_analyst, howdah_worker, '
      'howdah_authenticator, howdah_eraser, howdah_tool, howdah_reader, howdah_writer, '
      'howdah_viewer, howdah_inserter'
        || case when starts_with(v_object, 'table ') then ', howdah_engine' else '' end, v_object);
  end loop;
end $$;

-- Owners. The engine owns security definer functions, with four exceptions. The owner of the tables
-- owns those that create partitions, and the eraser those that change the log. A function that runs
-- SQL of users belongs to the role that the SQL runs as, since a security definer function may not
-- change the role. A role needs `create` on the schema only while it is given a function.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('howdah', 'howdah_private') and p.prosecdef
      and p.proname not in ('ensure_partitions', 'ensure_partition', 'ensure_month',
        'repair_partitions', 'freeze_month', 'unfreeze_month')
      and p.proname not in ('erase_log', 'delete_log', 'delete_replaced_run', 'erase_answer_log',
        'rename_author', 'rename_in_log', 'write_log_contents', 'write_side_contents',
        'run_as_tool_role', 'write_bound', 'run_read_query', 'watched_inputs', 'watched_documents',
        'plan_watch')
      and p.proowner = current_user::regrole
  loop
    execute format('alter function %s owner to howdah_engine', v_function);
  end loop;
end $$;
alter function howdah_private.erase_log(uuid[], boolean) owner to howdah_eraser;
alter function howdah_private.delete_log(uuid[]) owner to howdah_eraser;
alter function howdah_private.delete_replaced_run(howdah.executions, uuid, oid)
  owner to howdah_eraser;
alter function howdah_private.erase_answer_log(uuid, text) owner to howdah_eraser;
alter function howdah_private.rename_author(uuid, text, text) owner to howdah_eraser;
alter function howdah_private.rename_in_log(uuid[], text, text) owner to howdah_eraser;
alter function howdah_private.write_log_contents(text, jsonb) owner to howdah_eraser;
alter function howdah_private.write_side_contents(text, jsonb) owner to howdah_eraser;
grant create on schema howdah_private to howdah_tool, howdah_writer, howdah_reader;
alter function howdah_private.run_as_tool_role(text, jsonb, text) owner to howdah_tool;
alter function howdah_private.watched_inputs(text, text[]) owner to howdah_tool;
alter function howdah_private.watched_documents(text, text[]) owner to howdah_tool;
alter function howdah_private.plan_watch(text) owner to howdah_tool;
alter function howdah_private.write_bound(text, jsonb, text) owner to howdah_writer;
alter function howdah_private.run_read_query(text, text, text[], int, int, float8)
  owner to howdah_reader;
revoke create on schema howdah_private from howdah_tool, howdah_writer, howdah_reader;

-- The engine reads and writes all tables but two, and calls all functions.
do $$
declare
  v_object text;
begin
  for v_object in
    select format('table %s', c.oid::regclass) from pg_catalog.pg_class as c
    where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and c.relkind in ('r', 'p', 'v') and not c.relispartition
      and starts_with(pg_get_userbyid(c.relowner), 'howdah_')
    union all
    select format('function %s', p.oid::regprocedure) from pg_catalog.pg_proc as p
    where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and p.prokind <> 'p' and starts_with(pg_get_userbyid(p.proowner), 'howdah_')
  loop
    execute format('grant %s on %s to howdah_engine',
      case when starts_with(v_object, 'table ')
        then 'select, insert, update, delete' else 'execute' end, v_object);
  end loop;
end $$;
grant usage on sequence howdah_private.document_versions to howdah_engine;
revoke all on howdah_private.migrations from howdah_engine;
revoke update, delete on howdah.audit_log from howdah_engine;

-- Tables. Roles of tenants are howdah_app and, for reading, howdah_viewer. Row-level security
-- limits both to their tenant. They read all columns but secrets, where possible as whole tables,
-- so that `select *` and `returning *` work. Callers write the columns of written_columns();
-- functions and triggers write all others. howdah_analyst is a member of howdah_viewer, and only
-- owners grant it more. Workers have no privilege on tables: they call functions. The eraser
-- changes the tables whose rows others cannot change.
do $$
declare
  v_table record;
begin
  for v_table in
    select r.object, c.oid::regclass as name, n.nspname = 'howdah' as is_public, r.policies,
      (
        select string_agg(quote_ident(k.name), ', ')
          filter (where k.class is distinct from 'secret')
        from howdah_private.classified_columns() as k
        where k.relation = c.oid
        having bool_or(k.class = 'secret')
      ) as readable,
      array_to_string(w.columns || w.first, ', ') as inserted,
      array_to_string(w.columns || w.later, ', ') as updated, w.deletes
    from howdah_private.table_rules() as r
    join pg_catalog.pg_class as c on c.relname = r.object and c.relkind in ('r', 'p')
    join pg_catalog.pg_namespace as n
      on n.oid = c.relnamespace and n.nspname in ('howdah', 'howdah_private')
    left join howdah_private.written_columns() as w on w.object = r.object
  loop
    if v_table.is_public then
      execute format('grant select %s on %s to howdah_app, howdah_viewer',
        '(' || v_table.readable || ')', v_table.name);
    end if;
    if v_table.inserted <> '' then
      execute format('grant insert (%s) on %s to howdah_app%s', v_table.inserted, v_table.name,
        case v_table.object when 'executions' then ', howdah_inserter' end);
    end if;
    if v_table.updated <> '' then
      execute format('grant update (%s) on %s to howdah_app', v_table.updated, v_table.name);
    end if;
    if v_table.deletes then
      execute format('grant delete on %s to howdah_app', v_table.name);
    end if;
    if 'eraser' = any (v_table.policies) then
      execute format('grant select, update on %s to howdah_eraser', v_table.name);
    end if;
  end loop;
end $$;
grant delete on howdah.executions, howdah.steps, howdah_private.message_log to howdah_eraser;

-- Logins that only insert find agents by name, and see which of their own runs exist.
grant select (id, status, idempotency_key) on howdah.executions to howdah_inserter;
grant select (id, tenant_id, name, deleted_at, is_restricted) on howdah.agents to howdah_inserter;
grant select (id, tenant_id, name, deleted_at, is_restricted) on howdah.workflows
  to howdah_inserter;

-- The counters of runs at work, for views and queries with the rights of their caller.
grant select (
  execution_id, tenant_id, step_count, message_count, model_count, tokens_in, tokens_out, cost,
  trust, updated_at, xmin
) on howdah_private.run_heads to howdah_app, howdah_viewer;
grant select (tenant_id, agent_id, tool_id, cached_at, calls, hits, saved_tokens, saved_cost)
  on howdah_private.cached_answers to howdah_app, howdah_viewer;
-- Lists of runs search the tags of metadata with the rights of their caller.
grant select (tenant_id, execution_id, key, value) on howdah_private.run_tags
  to howdah_app, howdah_viewer;
-- Lists of searches find those of a base.
grant select (tenant_id, knowledge_base_id, search_id) on howdah_private.searched_bases
  to howdah_app, howdah_viewer;
-- Readers of the view read the table with their own rights.
grant select (
  execution_id, tenant_id, seq, id, created_at, role, trust, tokens_in, tokens_out, session_id,
  agent_id, step_seq, parent_seq, covers_from_seq, covers_to_seq, content, parts, tool_calls,
  tool_call_id, content_is_output
) on howdah_private.message_log to howdah_app, howdah_viewer;

-- Views.
grant select on
  howdah.agent_performance, howdah.answer_cache, howdah.approval_times, howdah.daily_usage,
  howdah.effects, howdah.evaluation_items,
  howdah.execution_counters, howdah.execution_timeline, howdah.execution_tree, howdah.failures,
  howdah.grade_queue,
  howdah.knowledge_health, howdah.limit_usage, howdah.message_sources, howdah.messages,
  howdah.model_catalog, howdah.model_performance, howdah.model_usage, howdah.permissions,
  howdah.plan_tasks, howdah.preference_pairs, howdah.quality_by_day,
  howdah.rewards, howdah.routing_decisions, howdah.setting_values,
  howdah.stale_answers, howdah.tool_answer_cache, howdah.tool_performance,
  howdah.training_examples, howdah.usage_by_day
  to howdah_app, howdah_viewer;

-- Functions, by the folder of their file. Workers call what is granted to howdah_worker, and no
-- other function. Private functions granted to howdah_app run inside checks, triggers and views
-- with the rights of the caller.

-- Identity.
grant execute on function howdah_private.agent_permission(uuid) to howdah_app;
grant execute on function
  howdah_private.author(uuid), howdah_private.definition_author(uuid),
  howdah_private.current_scopes(),
  howdah_private.may(text, text, boolean),
  howdah_private.permission_rows(), howdah_private.permit(text, text, boolean),
  howdah_private.check_agent_right(uuid, text, text),
  howdah_private.check_control_right(text, uuid, uuid, uuid),
  howdah_private.check_default_right(uuid), howdah_private.check_session_right(uuid),
  howdah_private.check_tool_right(uuid),
  howdah_private.owns_machine(), howdah_private.sees_agent(uuid),
  howdah_private.sees_run(uuid, uuid[])
  to howdah_app, howdah_viewer;
grant execute on function
  howdah.current_user_role(), howdah_private.hidden_agents(), howdah_private.is_operator(),
  howdah_private.is_trusted(), howdah_private.can_act_for(uuid)
  to howdah_app, howdah_viewer, howdah_worker, howdah_authenticator;
grant execute on function
  howdah.current_tenant(), howdah.current_user_id(), howdah_private.is_bound(),
  howdah_private.verified_binding()
  to howdah_app, howdah_viewer, howdah_worker, howdah_authenticator, howdah_writer;
grant execute on function howdah_private.is_tenant_role(oid) to howdah_owner;
grant execute on function
  howdah_private.binding(uuid, uuid), howdah_private.userless_binding(uuid, uuid)
  to howdah_worker;
grant execute on function howdah_private.bound_role()
  to howdah_app, howdah_viewer, howdah_worker, howdah_authenticator;
-- The API prepares queries of people with these, before it becomes howdah_reader.
grant execute on function
  howdah_private.caller_binding(), howdah_private.planned_tables(jsonb, text[]),
  howdah_private.refused_calls(jsonb, text[])
  to howdah_authenticator;

-- Public functions.
grant execute on function
  howdah.accept_mcp_prompt(text, text, text), howdah.accept_mcp_tool(text, text, text),
  howdah.add_input(uuid, text, jsonb), howdah.agent_tool_list(text),
  howdah.answer_question(uuid, text, jsonb),
  howdah.apply_agent_system(jsonb, text, boolean, boolean),
  howdah.answer_questions(uuid[], text, jsonb),
  howdah.approve(uuid, howdah.approval_scope, jsonb), howdah.cancel_execution(uuid),
  howdah.cancel_executions(uuid[]), howdah.pause_executions(uuid[]),
  howdah.resume_executions(uuid[]), howdah.retry_executions(uuid[]),
  howdah.connect_account(text, text), howdah.disconnect_account(uuid),
  howdah.create_api_key(text, howdah.user_role, text[], timestamptz, uuid),
  howdah.delete_agent(uuid), howdah.delete_prompt(uuid), howdah.delete_skill(uuid),
  howdah.delete_workflow(uuid), howdah.erase_user(uuid, howdah.erasure_mode, boolean),
  howdah.remember(
    text, howdah.memory_scope, uuid, howdah.memory_kind, timestamptz, howdah.trust),
  howdah.correct_memory(uuid, text), howdah.forget(uuid), howdah.pin_memory(uuid, boolean),
  howdah.propose_memory(uuid), howdah.approve_memory(uuid, text), howdah.reject_memory(uuid),
  howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean, int),
  howdah.cancel_evaluation(uuid),
  howdah.evaluate(
    text, text, text, text, int, text, text, jsonb, text[], int, boolean, timestamptz),
  howdah.evaluate_runs(
    text, text, text, text, timestamptz, timestamptz, int, text[]),
  howdah.fit_ranking(text, text),
  howdah.explain_execution(uuid), howdah.export_agent_system(text),
  howdah.export_user_data(uuid, boolean),
  howdah.fork_execution(uuid, int, text, int, jsonb, jsonb, jsonb),
  howdah.fork_session(uuid, text, int, jsonb),
  howdah.give_feedback(uuid, float8, text, int, uuid, text),
  howdah.grade(uuid, float8, text, text), howdah.grade_again(uuid),
  howdah.inbound_hooks_path(howdah.inbound_hooks),
  howdah.models_warnings(howdah.models),
  howdah.label_agent_version(uuid, int, text), howdah.label_prompt_version(uuid, int, text),
  howdah.label_workflow_version(uuid, int, text), howdah.pause_execution(uuid),
  howdah.preview_output_filters(text, howdah.filter_place, text),
  howdah.promote_evaluation(uuid, text, float8, text), howdah.redeliver(uuid),
  howdah.reject(uuid, text), howdah.remove_secret(text, boolean),
  howdah.restore_agent_version(uuid, int), howdah.restore_prompt_version(uuid, int),
  howdah.restore_skill_version(uuid, int), howdah.restore_workflow_version(uuid, int),
  howdah.resume_execution(uuid), howdah.retry_execution(uuid), howdah.revoke_api_key(uuid),
  howdah.run(
    text, text, jsonb, uuid, timestamptz, int, text, jsonb, jsonb, text, numeric, jsonb, text, text,
    int
  ),
  howdah.run_schedule(uuid),
  howdah.run_workflow(
    text, text, jsonb, uuid, timestamptz, int, text, jsonb, text, numeric, text, text, int
  ),
  howdah.schedule_times(text, text, timestamptz, int), howdah.send_message(uuid, text, jsonb),
  howdah.session_state(uuid), howdah.set_default_agent(text),
  howdah.start_session(text, text, howdah.session_policy, jsonb, text),
  howdah.switch_agent(uuid, text, text), howdah.test_model(text), howdah.use_alert_rules(uuid),
  howdah.use_analyst(text[]), howdah_private.insert_analyst(uuid, text[]),
  howdah.pause_batch_job(text), howdah.resume_batch_job(text),
  howdah_private.set_batch_job_pause(text, timestamptz),
  howdah.use_tool_policies(text), howdah_private.label_version(text, uuid, int, text),
  howdah_private.strict_policies(uuid)
  to howdah_app;
grant execute on function
  howdah.agent(text), howdah.check_evaluation(uuid, float8, text),
  howdah.compare_evaluations(uuid, uuid),
  howdah.compare_executions(uuid, uuid), howdah.current_agent(uuid),
  howdah.diff_agent_versions(uuid, text, text), howdah.diff_prompt_versions(uuid, text, text),
  howdah.diff_skill_versions(uuid, text, text), howdah.diff_workflow_versions(uuid, text, text),
  howdah.grader_agreement(uuid, float8), howdah.grader_disagreements(uuid, text, float8),
  howdah.rubric_examples(uuid, text, int),
  howdah.leaderboard(text, text, text),
  howdah.engine_schema(howdah.agent_engine), howdah.export_run(uuid, boolean),
  howdah.explain_model(text, text, jsonb), howdah.find_runs(jsonb, int),
  howdah_private.find_watched_rows(jsonb),
  howdah.mcp_server_schema(howdah.mcp_server_type), howdah.me(),
  howdah.embed_query(text[], text, text), howdah.rerank_query(text[], text, int, jsonb, text),
  howdah.knowledge_base(text), howdah.knowledge_bases_state(howdah.knowledge_bases),
  howdah.model(text, text, jsonb), howdah.prompt(text),
  howdah.render_prompt(text, jsonb, text), howdah.resource_text(uuid), howdah.runs_of(text),
  howdah.search(text[], text, int, jsonb, text), howdah.searches_query(howdah.searches),
  howdah.search_hits(uuid), howdah.searches_of(text, int),
  howdah_private.words_of_question(uuid, text, bigint),
  howdah.sessions_with(text),
  howdah.recall(text, int, howdah.memory_scope, uuid),
  howdah.replay_searches(text, timestamptz, text, int, boolean), howdah.sources(uuid),
  howdah_private.patterns_of_words(text), howdah.skill(text),
  howdah.todolist_markdown(uuid), howdah.tool(text), howdah.usage_by(text, text, timestamptz),
  howdah.usage_summary(text, date, date), howdah.check_audit_log(bigint, int), howdah.check_runs(),
  howdah.live_workers(), howdah.next_runs(int), howdah.queue_states(), howdah.tenant_batch_jobs(),
  howdah_private.check_admin(text), howdah_private.oldest_live_runs(),
  howdah.watches(text), howdah.workflow(text), howdah_private.todo_line(howdah.todos),
  howdah.workflow_schema(howdah.workflow_type), howdah_private.exported_execution(uuid),
  howdah_private.exported_run(uuid, int, boolean), howdah_private.is_history_changed(uuid),
  howdah_private.exported_memories_of_run(uuid, boolean),
  howdah_private.markdown_line(text), howdah_private.max_export_depth(),
  howdah_private.run_for_request(uuid),
  howdah_private.raise_unwatched(text), howdah_private.searched_tag(jsonb, int),
  howdah_private.suggest_runnable(text), howdah_private.tags_of(jsonb),
  howdah_private.workflow_by_name(text)
  to howdah_app, howdah_viewer;
grant execute on function
  howdah.uuid_v7_floor(timestamptz)
  to howdah_app, howdah_viewer, howdah_worker, howdah_authenticator;
grant execute on function
  howdah.agent(text), howdah.workflow(text), howdah.uuid_v7(), howdah.current_tenant(),
  howdah.current_user_id(), howdah.current_user_role(), howdah_private.hidden_agents(),
  howdah_private.is_bound(), howdah_private.is_operator(), howdah_private.is_trusted(),
  howdah_private.is_uuid_v7(uuid), howdah_private.list_names(text[], int),
  howdah_private.nearest_word(text, text[]), howdah_private.permit(text, text, boolean),
  howdah_private.check_agent_right(uuid, text, text), howdah_private.check_session_right(uuid),
  howdah_private.sees_agent(uuid), howdah_private.suggest_runnable(text),
  howdah_private.verified_binding(), howdah_private.workflow_by_name(text)
  to howdah_inserter;
grant execute on procedure howdah.ask(text, text, text) to howdah_app;
grant execute on procedure howdah.tail(uuid, text) to howdah_app, howdah_viewer;

-- Functions of triggers and checks, which run with the rights of the writer.
grant execute on function
  howdah_private.name_fault(text), howdah_private.line_fault(text),
  howdah_private.invisible_character(text), howdah_private.unreadable_character(text),
  howdah_private.raise_large(text, int, int, text, text),
  howdah_private.size_hint(int, text, text), howdah_private.is_deep(jsonb),
  howdah_private.raise_deep(text)
  to howdah_app;
grant execute on function
  howdah_private.is_harmless_configuration(jsonb), howdah_private.settings_of_admins(jsonb)
  to howdah_app, howdah_viewer;

-- Functions of views and fields.
grant execute on function
  howdah.executions_queue_seconds(howdah.executions),
  howdah.limits_usage(howdah.limits), howdah.tools_actions(howdah.tools),
  howdah.watched_rows_current_row(howdah.watched_rows),
  howdah_private.base_type(oid), howdah_private.current_row_statement(uuid),
  howdah_private.json_expression(regclass, text, text), howdah_private.primary_key_of(regclass),
  howdah_private.key_equality(regclass, int2), howdah_private.own_watched_table(uuid),
  howdah_private.row_key_condition(regclass, text[], text)
  to howdah_app, howdah_viewer;

-- Room access.
grant execute on function
  howdah_private.special_constraint_sentence(text),
  howdah_private.constraint_sentence(text, jsonb), howdah_private.contains_secret(text),
  howdah_private.is_secret_name(text), howdah_private.key_parameters(),
  howdah_private.line_assigns_secret(text), howdah_private.can_contain_secret(jsonb),
  howdah_private.prose_contains_secret(text), howdah_private.put_secret(jsonb, text, text),
  howdah_private.put_signing_key(jsonb, text, text, uuid, boolean),
  howdah_private.secrets_used_elsewhere(text[], text),
  howdah_private.signing_key_name(uuid, boolean), howdah_private.signing_secrets(uuid, uuid),
  howdah_private.signing_key_number(text, text),
  howdah_private.raise_plain_secret(text, text), howdah_private.check_plain_secrets(text, jsonb),
  howdah_private.raise_invalid_row(regclass, name, name), howdah_private.table_of(regclass),
  howdah_private.raise_fault(regclass, text[], jsonb),
  howdah_private.check_secret_in_prose(text, text)
  to howdah_app;
grant execute on function
  howdah_private.due_checkpoints(), howdah_private.keep_checkpoints(jsonb),
  howdah_private.master_key_state(), howdah_private.restore_checkpoints(jsonb),
  howdah_private.sealed_secret(uuid, text),
  -- A worker generates the signing key of a webhook that has none.
  howdah_private.adopt_master_key(text), howdah_private.add_data_key(jsonb, boolean),
  howdah_private.drop_unused_data_keys(uuid), -- after the contents of runs have another key
  howdah_private.secret_slot(uuid, text), howdah_private.delivery_secrets(uuid, uuid),
  howdah_private.fresh_signing_key(uuid, uuid),
  howdah_private.keep_signing_key(jsonb, text, text, uuid)
  to howdah_worker;

-- Room agent_systems.
grant execute on function
  howdah_private.agent_servers_entry(uuid), howdah_private.apply_agent(text, text, jsonb),
  howdah_private.apply_agent_models(text, jsonb), howdah_private.apply_agent_prompt(text, jsonb),
  howdah_private.apply_agent_servers(text, jsonb), howdah_private.apply_agent_skills(text, jsonb),
  howdah_private.apply_agent_tool(text, text, text, jsonb, boolean),
  howdah_private.apply_compensation(text, text), howdah_private.apply_function(text, text, jsonb),
  howdah_private.apply_mcp_server(text, text, jsonb),
  howdah_private.apply_members(text, jsonb, boolean), howdah_private.apply_model(text, text, jsonb),
  howdah_private.apply_prompt(text, text, jsonb), howdah_private.apply_skill(text, text, jsonb),
  howdah_private.apply_step(text, text, text, jsonb), howdah_private.apply_sub_run_tool(text, text),
  howdah_private.apply_tool(text, text, jsonb), howdah_private.apply_workflow(text, text, jsonb),
  howdah_private.change_of(text, text, jsonb, jsonb),
  howdah_private.check_function_body(text, text), howdah_private.detach_prompts(jsonb),
  howdah_private.drop_aliases(jsonb), howdah_private.drop_functions(uuid, jsonb),
  howdah_private.drop_unused_sub_runs(uuid, jsonb), howdah_private.entry_members(jsonb),
  howdah_private.entry_models(jsonb), howdah_private.entry_servers(jsonb),
  howdah_private.entry_skills(jsonb), howdah_private.entry_tools(jsonb),
  howdah_private.exported_system(text), howdah_private.fault_path(text, text, jsonb, jsonb),
  howdah_private.faulty_workflows(text[]), howdah_private.function_entry(oid),
  howdah_private.system_warnings(jsonb), howdah_private.unusable_models(text[]),
  howdah_private.functions_of(text, text[]), howdah_private.json_pointer(text[]),
  howdah_private.known_names(jsonb), howdah_private.mcp_server_entry(howdah.mcp_servers),
  howdah_private.model_defaults(), howdah_private.model_entry(howdah.models),
  howdah_private.plain_numbers(jsonb), howdah_private.stored_model_entry(jsonb),
  howdah_private.prune_system(uuid, jsonb), howdah_private.reduced_entry(text, jsonb, text, text),
  howdah_private.raise_function(text, text, text, text, text),
  howdah_private.check_function_definition(text, text),
  howdah_private.check_part_owner(text, text, uuid, text), howdah_private.raise_system(jsonb[]),
  howdah_private.check_system_shape(jsonb, text), howdah_private.remove_unlisted_servers(jsonb),
  howdah_private.remove_unlisted_skills(jsonb), howdah_private.remove_unlisted_tools(jsonb),
  howdah_private.save_system_row(jsonb, text, jsonb, boolean),
  howdah_private.server_place(jsonb, jsonb), howdah_private.source_faults(text),
  howdah_private.sparse(jsonb, jsonb), howdah_private.sql_tool_of(text, text, howdah.tools),
  howdah_private.sub_run_target(howdah.tools), howdah_private.sub_run_tool_name(text, text),
  howdah_private.system_changes(jsonb, jsonb), howdah_private.system_document(uuid, jsonb),
  howdah_private.system_entries(jsonb, text), howdah_private.system_fault(text, text, text, text),
  howdah_private.system_heading(howdah.agent_systems), howdah_private.system_rows(uuid, jsonb),
  howdah_private.system_sections(), howdah_private.system_state(uuid, jsonb),
  howdah_private.system_steps(jsonb), howdah_private.system_use_faults(jsonb),
  howdah_private.system_uses(jsonb), howdah_private.text_array(jsonb),
  howdah_private.tool_defaults(text), howdah_private.tool_entry(howdah.tools),
  howdah_private.tool_named(text),
  howdah_private.update_tool(howdah.tools, jsonb, uuid, uuid),
  howdah_private.is_deleted_part(text, text),
  howdah_private.without_deleted_references(jsonb), howdah_private.without_preset(jsonb),
  howdah_private.without_reference(jsonb, text[], text),
  howdah_private.write_part(text, text, text, jsonb, text), howdah_private.write_parts(jsonb, text),
  howdah_private.write_system(jsonb, text, boolean)
  to howdah_app;

-- Room agents.
grant execute on function
  howdah_private.check_part_exists(text, text[], text[], text[]),
  howdah_private.restore_parts(uuid, jsonb), howdah_private.seeded_parts(),
  howdah_private.set_agent_models(uuid, howdah.model_purpose, text[], jsonb),
  howdah_private.set_agent_servers(uuid, text[]),
  howdah_private.set_agent_knowledge_bases(uuid, text[]),
  howdah_private.set_agent_skills(uuid, text[]), howdah_private.set_agent_tools(uuid, text[]),
  howdah_private.set_request_params(uuid, jsonb), howdah_private.workflow_row(uuid)
  to howdah_app;
grant execute on function
  howdah_private.agent_row(uuid), howdah_private.last_version(text, uuid),
  howdah_private.prompt_definition(howdah.prompts),
  howdah_private.check_value_names(text, text, jsonb, jsonb),
  howdah_private.rendered_prompt(jsonb, jsonb, text),
  howdah_private.version_named(uuid, uuid, text), howdah_private.version_of(text, uuid, text, text)
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.agent_version(uuid), howdah_private.call_load_skill(uuid, jsonb),
  howdah_private.extract_memories(uuid, uuid),
  howdah_private.has_run_ended(uuid), howdah_private.input_data(uuid),
  howdah_private.cache_answer(uuid, bytea, int), howdah_private.use_cached_answer(uuid, bytea, int),
  howdah_private.cache_tool_answer(uuid, uuid, bytea, int),
  howdah_private.use_cached_tool_answer(uuid, uuid, bytea)
  to howdah_worker;

-- Room control.
grant execute on function
  howdah_private.reserve_idempotency_key(uuid, text, uuid),
  howdah_private.reserve_run_key(text, uuid, uuid),
  howdah_private.store_request_answer(text, jsonb), howdah_private.take_request_key(text, text)
  to howdah_app;

-- Room data.
grant execute on function
  howdah_private.call_histograms(), howdah_private.call_usage(),
  howdah_private.duration_bucket(bigint),
  howdah_private.histogram_percentiles(numeric[], howdah_private.histogram[]),
  howdah_private.merge_histograms(howdah_private.histogram[]),
  howdah_private.is_tool_call_id(text), howdah_private.run_durations(),
  howdah_private.run_usage(), howdah_private.usage_of_texts(text, date, date),
  howdah_private.step_usage(howdah_private.usage_events),
  howdah_private.uncounted_usage()
  to howdah_app, howdah_viewer;
grant execute on function howdah_private.sealed_in_place(uuid[], text[], text[])
  to howdah_app, howdah_viewer, howdah_worker;
grant execute on function
  howdah_private.erase_calls(jsonb, text), howdah_private.erase_error(jsonb, text)
  to howdah_app, howdah_viewer, howdah_eraser;
grant execute on function howdah_private.erase_output(howdah.step_kind, jsonb),
  howdah_private.visible_annotations(jsonb) to howdah_eraser;
grant execute on function
  howdah_private.delete_log(uuid[]), howdah_private.delete_replaced_input(uuid),
  howdah_private.delete_tags(uuid, uuid, jsonb),
  howdah_private.delete_replaced_run(howdah.executions, uuid, oid),
  howdah_private.erase_answer_log(uuid, text),
  howdah_private.was_never_claimed(howdah.executions),
  howdah_private.is_replaced_by(howdah.executions, howdah.executions),
  howdah_private.erase_log(uuid[], boolean), howdah_private.rename_author(uuid, text, text),
  howdah_private.rename_in_log(uuid[], text, text)
  to howdah_eraser;
grant execute on function
  howdah_private.backfill_usage(int), howdah_private.count_usage(int),
  howdah_private.merge_usage(int)
  to howdah_worker;
grant execute on function
  howdah_private.close_month(date), howdah_private.delete_side_rows_of_month(date, int),
  howdah_private.delete_unaligned_trees(date, int), howdah_private.month_blockers(date),
  howdah_private.old_months(), howdah_private.record_month_progress(date, text, boolean),
  howdah_private.unaligned_trees(date, int)
  to howdah_owner;
grant execute on function
  howdah_private.first_content(text, jsonb, uuid), howdah_private.data_text(jsonb),
  howdah_private.with_arguments(jsonb, jsonb),
  howdah_private.with_history_contents(jsonb, jsonb, jsonb),
  howdah_private.write_first_messages(uuid[]), howdah_private.write_log_contents(text, jsonb),
  howdah_private.write_side_contents(text, jsonb)
  to howdah_eraser;
grant execute on function
  howdah_private.claim_file_deletions(int), howdah_private.data_keys_by_id(uuid[]),
  howdah_private.decryptable_runs(uuid, uuid[], boolean),
  howdah_private.delete_old_deliveries(),
  howdah_private.enqueue_encryptions(interval),
  howdah_private.enqueue_missed_encryptions(uuid),
  howdah_private.finish_encryptions(uuid[], uuid[]),
  howdah_private.lock_content_key(uuid),
  howdah_private.postpone_encryption(uuid, interval),
  howdah_private.run_contents(uuid[], text, uuid, int, int),
  howdah_private.take_encryptions(int, int), howdah_private.write_run_contents(text, jsonb),
  howdah_private.delete_old_receivers(), howdah_private.delete_old_query_embeddings(),
  howdah_private.delete_old_query_rankings(),
  howdah_private.delete_old_cached_answers(),
  howdah_private.ensure_partitions(int, int), howdah_private.erase_ended(int, interval),
  howdah_private.fail_due(howdah_private.due_kind, uuid, text, boolean),
  howdah_private.is_batch_job_paused(text), howdah_private.record_batch(text, int, text),
  howdah_private.record_file_deletions(uuid[], uuid[], text[]),
  howdah_private.retain_tenant(uuid, int), howdah_private.tenants_with_retention()
  to howdah_worker;

-- Room guardrails.
grant execute on function
  howdah_private.apply_output_filters(howdah.output_filters[], jsonb),
  howdah_private.combining_marks(), howdah_private.count_matches(text, text),
  howdah_private.filter_placeholder(howdah.output_filters),
  howdah_private.invisible_characters(), howdah_private.latin_lookalikes(text),
  howdah_private.limit_marks(text), howdah_private.can_outgrow(jsonb, text, text),
  howdah_private.visible_text(text), howdah_private.withheld_value(jsonb, text),
  howdah_private.withhold(jsonb, text, text),
  howdah_private.redact_text(text, text, text)
  to howdah_app;
grant execute on function howdah_private.history_json(jsonb), howdah_private.is_encrypted(text)
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.begin_hooks(uuid, uuid, int), howdah_private.builtin_trust(uuid, text, jsonb),
  howdah_private.call_rules(uuid), howdah_private.call_rules_of(uuid[]),
  howdah_private.claim_ended_run(uuid), howdah_private.filter_arguments(uuid, text, text, jsonb),
  howdah_private.filter_value(uuid, howdah.filter_place, jsonb),
  howdah_private.record_hook_results(uuid, jsonb)
  to howdah_worker;

-- Room json.
grant execute on function
  howdah_private.keyword_fault(text, jsonb, text), howdah_private.keyword_kind(text),
  howdah_private.check_references(text, jsonb), howdah_private.check_schema(text, jsonb),
  howdah_private.resolve_schema_reference(jsonb, text), howdah_private.schema_fault(jsonb, text),
  howdah_private.schema_references(text, jsonb), howdah_private.schema_size_fault(jsonb)
  to howdah_app;
grant execute on function
  howdah_private.json_change(jsonb, jsonb, text, text),
  howdah_private.json_changes(jsonb, jsonb, text, text),
  howdah_private.json_list_changes(jsonb, jsonb, text, text),
  howdah_private.marked_lines(text, jsonb), howdah_private.part_keys(jsonb),
  howdah_private.part_place(text, jsonb), howdah_private.version_changes(text, uuid, text, text)
  to howdah_app, howdah_viewer;

-- Room limits.
grant execute on function howdah_private.setting_kinds() to howdah_app;
grant execute on function
  howdah_private.limit_use(uuid), howdah_private.setting_values()
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.count_requests(uuid[], uuid[], uuid[]), howdah_private.count_requests_of(uuid[])
  to howdah_authenticator;
grant execute on function
  howdah_private.admit_parked(uuid, uuid, uuid),
  howdah_private.begin_call(uuid, uuid, int, uuid, text, uuid, text, boolean),
  howdah_private.begin_model_call(uuid, uuid, uuid),
  howdah_private.end_call(uuid, int), howdah_private.has_settings(),
  howdah_private.recount_limit(uuid, xid8), howdah_private.run_settings(uuid)
  to howdah_worker;

-- Room log.
grant execute on function
  howdah_private.align_steps(bigint[], bigint[], int[]),
  howdah_private.compared_logs(uuid, uuid, int, boolean), howdah_private.compared_run(uuid),
  howdah_private.compared_steps(uuid, int[], boolean), howdah_private.content_columns(regclass),
  howdah_private.distinguish_steps(text, text, boolean),
  howdah_private.end_note(howdah.execution_status, howdah.stop_reason, text),
  howdah_private.log_differences(uuid, uuid, int, boolean),
  howdah_private.is_refusal_of_request(text),
  howdah_private.message_json(
    int, int, howdah.message_role, text, jsonb, jsonb, text, int, int, howdah.trust),
  howdah_private.pick_fields(jsonb, text[]),
  howdah_private.redact_document(jsonb, text[]), howdah_private.redacted_definition(jsonb),
  howdah_private.redacted_texts(jsonb), howdah_private.refused_message(jsonb, text),
  howdah_private.run_differences(jsonb, jsonb, text[]),
  howdah_private.run_figures(jsonb), howdah_private.run_history(uuid),
  howdah_private.session_history(uuid, uuid, int), howdah_private.shared_steps(jsonb, jsonb),
  howdah_private.step_change(int, int, howdah.step_kind, text, jsonb, jsonb),
  howdah_private.sub_run_history(uuid), howdah_private.unmade_calls(uuid, uuid),
  howdah_private.with_names(jsonb), howdah_private.without_fields(jsonb, text[])
  to howdah_app, howdah_viewer;
grant execute on function howdah_private.call_search_messages(uuid, jsonb) to howdah_worker;

-- Room knowledge.
grant execute on function
  howdah_private.call_knowledge_search(uuid, jsonb),
  howdah_private.call_recall(uuid, jsonb, jsonb), howdah_private.call_remember(uuid, jsonb, jsonb),
  howdah_private.await_recognition(uuid, text), howdah_private.begin_page(uuid, text, uuid),
  howdah_private.begin_recognition(uuid, text),
  howdah_private.delay_recognition(uuid, text, jsonb, int, float8),
  howdah_private.end_page(
    uuid, text, text, text, int, uuid, uuid, uuid, uuid, text, jsonb, jsonb),
  howdah_private.end_recognition(uuid, text, text, text),
  howdah_private.known_pages(uuid, text, text),
  howdah_private.begin_query_embedding(uuid, text, text),
  howdah_private.begin_query_ranking(uuid, text, text),
  howdah_private.claim_chunks(uuid, int),
  howdah_private.delete_retired_embeddings(int), howdah_private.planned_vector_indexes(int),
  howdah_private.claim_documents(
    uuid, uuid, int, boolean, boolean, boolean, boolean, boolean, boolean),
  howdah_private.stored_pieces(uuid),
  howdah_private.due_generations(), howdah_private.due_knowledge_bases(boolean),
  howdah_private.end_query_embedding(uuid, text, jsonb, text, text, jsonb, int, uuid),
  howdah_private.end_query_ranking(uuid, text, text, float8[], jsonb, jsonb, uuid),
  howdah_private.fail_document(uuid, text, text, text),
  howdah_private.keep_document(uuid, text),
  howdah_private.postpone_document(uuid, text, text, float8),
  howdah_private.fail_embeddings(uuid, bigint[], jsonb, boolean, int),
  howdah_private.models_of_search(uuid, jsonb), howdah_private.rankings_of_search(uuid, jsonb),
  howdah_private.return_documents(uuid[], text[]),
  howdah_private.store_chunks(uuid, text, jsonb, text, jsonb, text),
  howdah_private.store_embeddings(uuid, bigint[], text[], int)
  to howdah_worker;
grant execute on function howdah_private.watched_documents(text, text[]) to howdah_tool;

-- Room quality.
grant execute on function
  howdah_private.claim_grades(uuid, uuid, int), howdah_private.due_evaluations(),
  howdah_private.grade_by_rule(uuid, uuid, timestamptz),
  howdah_private.claim_similarities(uuid, uuid, int),
  howdah_private.fail_similarity(uuid, uuid, uuid, text, text, text, boolean, int),
  howdah_private.store_similarity(uuid, uuid, uuid, text, text, text[], text[], int),
  howdah_private.give_up_grading(uuid, uuid),
  howdah_private.store_grades(uuid, uuid, uuid[], text[], text[])
  to howdah_worker;
grant execute on function
  howdah_private.check_gate(howdah.evaluations, float8, text),
  howdah_private.check_promotable(howdah.evaluations),
  howdah_private.live_judges(uuid), howdah_private.mark_cancelled(uuid),
  howdah_private.regrade_results(uuid),
  howdah_private.start_evaluation(uuid, uuid, uuid, uuid, text, int, text, jsonb, text[], int,
    boolean, timestamptz),
  howdah_private.start_grading(
    uuid, uuid, uuid, uuid, text, timestamptz, timestamptz, int, text[])
  to howdah_app;
grant execute on function
  howdah_private.answer_length(uuid), howdah_private.check_agreement(uuid, float8),
  howdah_private.baseline_of(howdah.evaluations, int), howdah_private.check_rate(float8),
  howdah_private.check_grader_of(uuid, text), howdah_private.check_judge_of(uuid, text),
  howdah_private.evaluation_by_id(uuid, text), howdah_private.faults_of_comparison(jsonb, int),
  howdah_private.faults_of_results(howdah.evaluations, float8), howdah_private.percent(numeric),
  howdah_private.grader_pairs(uuid), howdah_private.graders_with_examples(uuid),
  howdah_private.scale_of_judge(uuid, text),
  howdah_private.changed_items(uuid, uuid, int),
  howdah_private.compared_figure(float8[], float8[], boolean),
  howdah_private.compared_groups(uuid, uuid), howdah_private.compared_items(uuid, uuid),
  howdah_private.compared_means(float8[], float8[], boolean),
  howdah_private.check_contents_of_run(uuid),
  howdah_private.check_step_of_run(uuid, int, text), howdah_private.compared_slices(uuid, uuid),
  howdah_private.conversation_before(uuid), howdah_private.dataset_named(text),
  howdah_private.item_of_run(uuid, jsonb, int, boolean), howdah_private.spoken_messages(jsonb),
  howdah_private.evaluated(text, text),
  howdah_private.check_leaderboard(uuid, text, text),
  howdah_private.comparable_evaluations(uuid, text),
  howdah_private.contender_figures(uuid[], text), howdah_private.item_means(uuid[], text),
  howdah_private.paired_items(uuid, uuid)
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.copy_rows_to_documents(regclass, howdah.knowledge_watches, text[]),
  howdah_private.planned_vector_indexes(int),
  howdah_private.rename_row_documents(uuid, text), howdah_private.tg__watch_knowledge()
  to howdah_owner;

grant execute on function
  howdah_private.begin_model_test(uuid, uuid, int),
  howdah_private.end_model_test(uuid, uuid, jsonb, numeric)
  to howdah_worker;

-- Room mcp.
grant execute on function
  howdah_private.agent_card(text), howdah_private.answer_interrupts(text, jsonb),
  howdah_private.begin_task(text, text, jsonb, jsonb, uuid, jsonb, text),
  howdah_private.conversation_messages(uuid, int),
  howdah_private.conversation_state(uuid, int, text), howdah_private.mcp_log_level(text),
  howdah_private.parse_interrupt_answer(jsonb),
  howdah_private.check_mcp_server(howdah.mcp_servers),
  howdah_private.offered_tools(text, text, int),
  howdah_private.set_mcp_log_level(text, text), howdah_private.subscribe_mcp_to(text, text, text),
  howdah_private.unsubscribe_mcp_from(text, text)
  to howdah_app;
grant execute on function
  howdah_private.announce_unanswered(uuid, uuid, text),
  howdah_private.mcp_subscriptions(uuid[], text[])
  to howdah_authenticator;
grant execute on function
  howdah_private.begin_discovery(uuid, uuid, int), howdah_private.first_discovery(uuid, uuid, int),
  howdah_private.mcp_server(uuid, uuid), howdah_private.record_mcp_failure(uuid, text, text),
  howdah_private.record_mcp_prompts(uuid, text, jsonb),
  howdah_private.record_mcp_tools(uuid, text, jsonb, jsonb),
  howdah_private.store_mcp_file(uuid, text, text, bytea, jsonb)
  to howdah_worker;

-- Room accounts.
grant execute on function
  howdah_private.account_by_id(uuid), howdah_private.account_for_discovery(uuid, text),
  howdah_private.account_for_run(uuid, text), howdah_private.begin_refresh(uuid, bigint),
  howdah_private.consent_link(uuid), howdah_private.document_slot(uuid, uuid),
  howdah_private.fail_refresh(uuid, bigint, text, boolean),
  howdah_private.end_revocation(uuid), howdah_private.find_revocation(uuid),
  howdah_private.forget_oauth_client(uuid, bigint), howdah_private.store_oauth_client(jsonb),
  howdah_private.store_tokens(jsonb, jsonb)
  to howdah_worker;

-- Functions of column defaults and checks.
grant execute on function
  howdah.uuid_v7(), howdah_private.fit_the_wire(text[]), howdah_private.is_uuid_v7(uuid)
  to howdah_app, howdah_viewer, howdah_worker, howdah_authenticator;

-- Room models.
grant execute on function
  howdah_private.base_url_in(jsonb, howdah.model_purpose),
  howdah_private.config_of_model(howdah.models, jsonb),
  howdah_private.first_member(jsonb, text[]),
  howdah_private.is_host(text), howdah_private.is_provider(text),
  howdah_private.model_in(jsonb, howdah.model_purpose),
  howdah_private.drop_own_secret(uuid, howdah.model_purpose),
  howdah_private.drop_provider_config(uuid, howdah.model_purpose), howdah_private.editor_params(),
  howdah_private.model_vendors(), howdah_private.own_model_name(uuid, howdah.model_purpose),
  howdah_private.check_machine(text, text, boolean), howdah_private.check_package(text),
  howdah_private.host_of(text),
  howdah_private.address_of(text),
  howdah_private.is_address_open(text), howdah_private.resolve_provider(text, text),
  howdah_private.provider_config(uuid, howdah.model_purpose),
  howdah_private.check_engine(howdah.agents),
  howdah_private.check_request_params(text, jsonb, jsonb), howdah_private.reserved_params(),
  howdah_private.set_provider_config(uuid, howdah.model_purpose, jsonb, text)
  to howdah_app;
grant execute on function
  howdah_private.delete_abandoned_provider_configs(),
  howdah_private.delete_old_provider_reports(), howdah_private.report_providers(text, jsonb),
  howdah_private.report_egress(text, jsonb),
  howdah_private.sync_default_model(text, text)
  to howdah_worker;
grant execute on function
  howdah_private.cache_write_tokens(jsonb, int), howdah_private.cached_tokens(jsonb, int),
  howdah_private.count_in(jsonb, int), howdah_private.model_catalog_document()
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.catalog_capabilities(jsonb), howdah_private.catalog_entry(text, text, text),
  howdah_private.is_at_other_address(howdah.models),
  howdah_private.is_provider_reported(text, text), howdah_private.model_id_of(text, text),
  howdah_private.notice_misspelt_model(howdah.models),
  howdah_private.notice_previous_prices(howdah.models, text),
  howdah_private.with_catalog(howdah.models),
  howdah_private.unsaved_model_test_cost(text, text, text, jsonb),
  howdah_private.tested_row(uuid), howdah_private.tested_row_cost(jsonb, jsonb),
  howdah_private.without_catalog(howdah.models, howdah.models)
  to howdah_app;

-- Room observability.
grant execute on function
  howdah_private.default_alerts(), howdah_private.default_owner_alerts()
  to howdah_app;
grant execute on function
  howdah_private.execution_states(uuid[]), howdah_private.order_trees(uuid[], int),
  howdah_private.steps_after(uuid[], int[], int, bigint),
  howdah_private.tree_rows_after(uuid[], int[], int[], int[], int, bigint),
  howdah_private.tree_states(uuid[], int),
  howdah_private.unwatch(uuid, uuid[]), howdah_private.watch(uuid, uuid[])
  to howdah_authenticator;
grant execute on function
  howdah_private.announce(uuid[]), howdah_private.announce_notes(jsonb),
  howdah_private.announce_tokens(jsonb),
  howdah_private.finish_alert_check(uuid, uuid, text, jsonb, text), howdah_private.metrics(),
  howdah_private.model_prices(uuid[]), howdah_private.runs_to_trace(interval, int),
  howdah_private.start_alert_check(uuid, uuid), howdah_private.token_prices(uuid[]),
  howdah_private.traced_runs(uuid[]),
  howdah_private.traceparent_of(uuid), howdah_private.watched_among(uuid[])
  to howdah_worker;
grant execute on function howdah_private.channel(text) to howdah_worker, howdah_authenticator;

-- Room quality.
grant execute on function
  howdah_private.adjusted_interval(float8[], float8, float8),
  howdah_private.agresti_caffo_interval(float8[], float8[], float8, float8, float8),
  howdah_private.both_sides(text[], text[], float8[], float8[]),
  howdah_private.bradley_terry(text[], text[], float8[], float8),
  howdah_private.calibration_error(float8[], boolean[], int),
  howdah_private.check_finite(float8[]), howdah_private.cohens_kappa(text[], text[]),
  howdah_private.flakiness(int, int), howdah_private.group_figures(float8[]),
  howdah_private.independent_interval(float8[], float8[], boolean),
  howdah_private.hall_quantile(float8, float8, int), howdah_private.has_reversed_examples(bytea),
  howdah_private.correlation_interval(float8[], float8[]),
  howdah_private.kappa_interval(float8, float8, int),
  howdah_private.mean_interval(float8[]),
  howdah_private.paired_interval(float8[], boolean),
  howdah_private.pareto_front(float8[], float8[], float8[]),
  howdah_private.pass_hat_k(int, int, int), howdah_private.pass_rate_interval(float8, int),
  howdah_private.solve_equations(float8[], float8[]),
  howdah_private.strength_step(float8[], float8[], int[], int[], float8[], float8),
  howdah_private.strengths_of_pairs(text[], text[], float8[], float8[], float8),
  howdah_private.student_quantile(int)
  to howdah_app, howdah_viewer;

-- Room questions.
grant execute on function howdah_private.check_question_settings(jsonb, boolean) to howdah_app;
grant execute on function
  howdah_private.environment_model_hint(text),
  howdah_private.list_names(text[], int), howdah_private.nearest_word(text, text[]),
  howdah_private.raise_question_notices(uuid, uuid[]),
  howdah_private.step_line(int, howdah.step_kind, text, numeric, text)
  to howdah_app, howdah_viewer;
grant execute on function howdah_private.approved_tools(uuid) to howdah_worker;
grant execute on function howdah_private.refused_commit_message() to howdah_app, howdah_viewer;
grant execute on procedure howdah_private.check_no_block(text)
  to howdah_app, howdah_viewer;

-- Room queue.
grant execute on function
  howdah_private.await_worker(uuid, timestamptz, boolean), howdah_private.is_any_worker_alive()
  to howdah_app;
grant execute on function
  howdah_private.announce_due_runs(),
  howdah_private.claim_executions(uuid, uuid[], int, uuid, int, uuid[]),
  howdah_private.forget_worker(uuid),
  howdah_private.has_due_work(uuid), howdah_private.heartbeat(uuid),
  howdah_private.isolate_worker(uuid, uuid, uuid),
  howdah_private.lost_runs(uuid, uuid[], int[]), howdah_private.reap_workers(interval, uuid),
  howdah_private.register_worker(uuid, text, text, int, text, int, uuid[], uuid[], text[]),
  howdah_private.release_executions(uuid, uuid[], boolean, int),
  howdah_private.release_unknown(uuid, uuid[], int[]), howdah_private.repair_queue(interval, int),
  howdah_private.report_custom_code(uuid, text[], text[]),
  howdah_private.report_custom_tools(uuid, text[]),
  howdah_private.report_master_keys(uuid, text[]), howdah_private.return_wake_ups(uuid[]),
  howdah_private.return_suspect(uuid, uuid), howdah_private.run_timers(text),
  howdah_private.shares(uuid, uuid[]), howdah_private.take_inbox(uuid, uuid, int, int),
  howdah_private.take_suspect(uuid)
  to howdah_worker;

-- Room runs.
grant execute on function
  howdah_private.execution_row(uuid), howdah_private.priority_of(int),
  howdah_private.run_by_id(
    uuid, uuid, text, jsonb, uuid, timestamptz, int, text, jsonb, jsonb, text, text, numeric, jsonb,
    text, text, int
  ),
  howdah_private.sampling_params()
  to howdah_app;
grant execute on function howdah_private.run_days() to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.call_files(uuid, text[]),
  howdah_private.commit_steps(
    uuid, int, uuid[], int[], int[], int[], int[], jsonb, jsonb, int[], int[], howdah.step_kind[],
    text[], text[], howdah.tool_effect[], text[], jsonb[], jsonb[], jsonb[], uuid[], int[], int[],
    howdah.trust[], timestamptz[], jsonb[], int[], int[], howdah.message_role[], text[], jsonb[],
    jsonb[], text[], int[], int[], int[]
  ),
  howdah_private.mark_at_risk(uuid, uuid, int),
  howdah_private.store_files(uuid, text[], text[], bytea[], jsonb)
  to howdah_worker;

-- Room sessions.
grant execute on function
  howdah_private.active_agent(text), howdah_private.answer_client_calls(jsonb),
  howdah_private.chat_key(text), howdah_private.chat_session(text),
  howdah_private.bind_chat(text, uuid, text), howdah_private.lock_chat(text),
  howdah_private.lock_chat_key(uuid, text),
  howdah_private.send_to_chat(text, text, text, jsonb, jsonb, text),
  howdah_private.answered_up_to(uuid), howdah_private.chat_run(text),
  howdah_private.chat_turn(text, text),
  howdah_private.restart_chat(text, uuid, text, jsonb),
  howdah_private.begin_conversation(
    text, text, jsonb, jsonb, jsonb, jsonb, uuid, boolean, boolean, text
  ),
  howdah_private.conversation_since(uuid, int), howdah_private.execution_messages_of(uuid),
  howdah_private.register_follower(uuid), howdah_private.history_entries(jsonb),
  howdah_private.is_client_call(howdah.questions), howdah_private.lock_senders(uuid),
  howdah.apply_todolist(uuid, text, text), howdah_private.parse_todolist(text),
  howdah_private.todo_item(int, text, text), howdah_private.unescape_markdown(text),
  howdah_private.match_todo_lines(uuid, jsonb), howdah_private.raise_todo_line(bigint, text),
  howdah_private.lock_todos(uuid), howdah_private.parse_id(text),
  howdah_private.previous_turn(uuid, boolean),
  howdah_private.runnable_models(text), howdah_private.session_target(text, text),
  howdah_private.lower_trust_to_source(uuid, uuid)
  to howdah_app;
grant execute on function
  howdah_private.live_runs(uuid[]),
  howdah_private.session_messages_after(
    uuid[], int[], int[], int, int[], int[], bigint)
  to howdah_authenticator;
grant execute on function howdah_private.call_todo(uuid, jsonb) to howdah_worker;

-- Room starts.
grant execute on function
  howdah_private.cron_field(text, text),
  howdah_private.cron_moments(date, int[], int[], boolean, text),
  howdah_private.cron_times(text, text, timestamptz, timestamptz, int, boolean),
  howdah_private.cron_value(text, text, int, int), howdah_private.parse_cron(text),
  howdah_private.raise_cron(text, text, text), howdah_private.check_timezone(text)
  to howdah_app;
grant execute on function
  howdah_private.count_refused_deliveries(jsonb),
  howdah_private.find_inbound_hooks(text[], text[]), howdah_private.receive_delivery(uuid, jsonb)
  to howdah_authenticator;
grant execute on function
  howdah_private.check_hook_fields(text, jsonb, text[], text),
  howdah_private.check_hook_reply(jsonb), howdah_private.check_target(uuid, uuid, uuid)
  to howdah_app;
grant execute on function howdah_private.tg__watch() to howdah_owner;
grant execute on function howdah_private.watched_inputs(text, text[]) to howdah_tool;
grant execute on function howdah_private.plan_watch(text) to howdah_tool, howdah_owner;
grant execute on function
  howdah_private.canonical_json(anyelement), howdah_private.canonical_text(anyelement)
  to howdah_app, howdah_viewer, howdah_tool, howdah_writer;
grant execute on function
  howdah_private.begin_delivery(uuid), howdah_private.begin_write_back(uuid),
  howdah_private.end_delivery(uuid, int, int, text, bigint),
  howdah_private.claim_answers(uuid, uuid, int), howdah_private.due_watches(),
  howdah_private.end_answers(uuid[], text[], howdah.write_back_status[], text[]),
  howdah_private.fire_schedules(int), howdah_private.prepare_answers(uuid, uuid[]),
  howdah_private.return_answers(uuid, uuid[], uuid[], text[], boolean),
  howdah_private.check_answers_are_newest(uuid[]), howdah_private.check_tenant_code(regclass)
  to howdah_worker;

-- Room teams.
grant execute on function
  howdah_private.decides_by_embedding(jsonb), howdah_private.deciding_model(uuid, jsonb),
  howdah_private.no_embedding_model(jsonb),
  howdah_private.check_embedding_model(text, uuid, jsonb),
  howdah_private.check_member_question(jsonb), howdah_private.check_sub_run_settings(jsonb),
  howdah_private.check_workflow_configuration(text, howdah.workflow_type, jsonb),
  howdah_private.check_named_members(uuid), howdah_private.set_workflow_members(uuid, jsonb)
  to howdah_app;
grant execute on function
  howdah_private.first_agent_of(uuid), howdah_private.version_after(uuid, int)
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.answering_model(uuid, text), howdah_private.call_board_read(uuid, jsonb),
  howdah_private.call_board_write(uuid, jsonb), howdah_private.call_discover_agents(uuid, jsonb),
  howdah_private.call_receive(uuid, text, jsonb),
  howdah_private.call_send_message(uuid, jsonb, jsonb), howdah_private.capable_agents(uuid),
  howdah_private.deliver_mail(uuid, uuid)
  to howdah_worker;

-- Room tools.
grant execute on function
  howdah_private.agent_actions(uuid, jsonb), howdah_private.tool_capabilities(howdah.tools),
  howdah_private.tool_domain(howdah.tools), howdah_private.tool_profile(howdah.tools, jsonb)
  to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.tools_with_capabilities(jsonb),
  howdah_private.check_builtin_settings(text, jsonb),
  howdah_private.check_http_tool(jsonb, jsonb, boolean), howdah_private.missing_secrets(text[]),
  howdah_private.check_result_limit(jsonb)
  to howdah_app;
grant execute on function howdah_private.is_text_type(text) to howdah_app, howdah_viewer;
grant execute on function
  howdah_private.check_query_schemas(json, text[]), howdah_private.rename_duplicate_columns(json),
  howdah_private.rows_of_query(text, text, text[], int, int, float8),
  howdah_private.run_read_query(text, text, text[], int, int, float8),
  howdah_private.table_outside_schemas(json, text[])
  to howdah_reader;
grant execute on function
  howdah_private.call_with_deferred(text, jsonb, text),
  howdah_private.call_with_diff(text, jsonb, text, jsonb), howdah_private.holds_lock(xid),
  howdah_private.is_own_subtransaction(xid), howdah_private.rows_before(jsonb, int, text[], jsonb),
  howdah_private.removed_rows(jsonb), howdah_private.run_as_tool_role(text, jsonb, text),
  howdah_private.table_change_counts(), howdah_private.changed_tables(jsonb, bigint),
  howdah_private.touched_rows(jsonb, text, int, int, bigint)
  to howdah_tool;
grant execute on function
  howdah_private.call_read_resource(uuid, jsonb), howdah_private.call_write_resource(uuid, jsonb),
  howdah_private.load_resource(uuid, uuid), howdah_private.planned_tables(jsonb, text[]),
  howdah_private.query_settings(uuid), howdah_private.reading_rules(),
  howdah_private.check_leftovers(text), howdah_private.refused_calls(jsonb, text[]),
  howdah_private.sandbox_state(), howdah_private.sync_custom_tools(jsonb),
  howdah_private.tenant_trigger_writes(), howdah_private.tool_now(jsonb)
  to howdah_worker;
grant execute on function howdah_private.write_bound(text, jsonb, text) to howdah_writer;
