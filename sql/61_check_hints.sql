-- Hints for rows that violate a check. The comment of a check is the hint of its refusal
-- (95_refusals.sql), and psql shows it with `\dd howdah.*`. If only a bug of the engine can violate
-- the check, the comment names the writer of the column.
comment on constraint must_be_uuid_v7 on domain howdah.execution_id is
  'Leave id out, or use howdah.uuid_v7(): an id begins with its creation time.';
comment on constraint slug_is_short_and_lower_case on howdah.tenants is
  'Use 1 to 63 characters of a-z, 0-9 and -, starting with a letter or digit, such as acme-2.';
comment on constraint weight_is_from_1_to_1000 on howdah.tenants is
  'Set weight to a whole number from 1 (the default) to 1000.';

comment on constraint base_url_is_http on howdah.models is
  'Write base_url as https://host/path (for tts and stt also wss://), without user, password or '
  'spaces. Store a key with: howdah admin secret set NAME.';
comment on constraint a_socket_is_for_speech on howdah.models is
  'Write base_url as https://host/path. Only models with purpose tts or stt may use wss://.';
comment on constraint capabilities_are_an_object on howdah.models is
  'Write capabilities as a JSON object, such as {"tools": true}.';
comment on constraint context_tokens_are_positive on howdah.models is
  'Set context_tokens to a positive whole number, or leave it out.';
comment on constraint prices_are_not_negative on howdah.models is
  'Set input_price and output_price to the price of a million tokens, 0 or more, or leave them '
  'out.';
comment on constraint prices_are_finite on howdah.models is
  'Set input_price and output_price to the price of a million tokens, a finite number, or leave '
  'them out.';
comment on constraint request_params_are_an_object on howdah.models is
  'Write request_params as a JSON object, such as {"temperature": 0}.';
comment on constraint cached_input_price_is_a_price on howdah.models is
  'Set cached_input_price to the price of a million tokens, a finite number of 0 or more, or leave '
  'it out.';
comment on constraint cache_write_price_is_a_price on howdah.models is
  'Set cache_write_price to the price of a million tokens, a finite number of 0 or more, or leave '
  'it out.';
comment on constraint unit_price_is_a_price on howdah.models is
  'Set unit_price to the price of one unit of price_unit, a finite number of 0 or more, or leave '
  'it out.';
comment on constraint price_unit_is_known on howdah.models is
  'Set price_unit to minute, character, image or request, or leave it out.';
comment on constraint prices_from_is_short on howdah.models is
  'Write prices_from as at most 200 characters, or leave it out.';
comment on constraint fallback_position_counts_from_one on howdah.models is
  'Set fallback_position to 1 for the first fallback, and to 2, 3, … for the others.';

comment on constraint engine_configuration_is_an_object on howdah.agents is
  'Write engine_configuration as a JSON object, such as {"url": "https://…"}; '
  'howdah.engine_schema(engine) returns its JSON Schema.';
comment on constraint limits_are_positive on howdah.agents is
  'Set max_steps, max_tokens, max_cost and max_seconds to positive numbers, or leave them out. '
  'Tokens and cost are then unlimited.';
comment on constraint max_cost_is_finite on howdah.agents is
  'Set max_cost to a positive finite number, or leave it out for no limit.';
comment on constraint name_is_not_empty on howdah.agents is
  'Give the agent a name of 1 to 200 characters, not only spaces.';
comment on constraint output_schema_is_an_object on howdah.agents is
  'Write output_schema as a JSON Schema, such as {"type": "object", "properties": {…}}, or leave '
  'it out.';
comment on constraint cache_answers_for_is_from_1_second_to_a_month on howdah.agents is
  'Set cache_answers_for to 1 to 2592000 seconds, or leave it out to ask the model each time.';
comment on constraint retry_for_is_at_most_a_month on howdah.agents is
  'Set retry_for to 0 to 2592000 seconds, or leave it out to use the setting retry_for.';
comment on constraint position_counts_from_one on howdah.agent_models is
  'Set position to 1 for the first model, and to 2, 3, … for its fallbacks.';
comment on constraint request_params_are_an_object on howdah.agent_models is
  'Write request_params as a JSON object, such as {"temperature": 0}.';
comment on constraint definition_is_an_object on howdah.agent_versions is
  'Change the agent instead; its versions follow from it.';

comment on constraint configuration_is_an_object on howdah.workflows is
  'Write configuration as a JSON object; howdah.workflow_schema(type) returns its JSON Schema.';
comment on constraint limits_are_positive on howdah.workflows is
  'Set max_steps, max_tokens, max_cost and max_seconds to positive numbers, or leave them out. '
  'Tokens and cost are then unlimited.';
comment on constraint max_cost_is_finite on howdah.workflows is
  'Set max_cost to a positive finite number, or leave it out for no limit.';
comment on constraint name_is_not_empty on howdah.workflows is
  'Give the workflow a name of 1 to 200 characters, not only spaces.';
comment on constraint a_member_is_an_agent_a_workflow_or_a_question on howdah.workflow_agents is
  'Set one of agent_id, member_workflow_id and question.';
comment on constraint configuration_is_an_object on howdah.workflow_agents is
  'Write configuration as a JSON object, such as {"mission_override": "…"}.';
comment on constraint question_is_an_object on howdah.workflow_agents is
  'Write question as a JSON object with a prompt, such as {"prompt": "Publish this?", "options": '
  '["yes", "no"]}.';
comment on constraint role_is_not_empty on howdah.workflow_agents is
  'Give the member a role of 1 to 200 characters, or leave it out to use the name of its agent or '
  'workflow.';
comment on constraint sequence_order_counts_from_one on howdah.workflow_agents is
  'Set sequence_order to 1 for the first member, and to 2, 3, … for the others.';
comment on constraint definition_is_an_object on howdah.workflow_versions is
  'Change the workflow instead; its versions follow from it.';
comment on constraint a_run_is_of_an_agent_or_a_workflow on howdah.executions is
  'Set agent_id or workflow_id; the version follows from it.';
comment on constraint a_label_is_a_word on howdah.version_labels is
  'Use a label of lower-case letters, digits, _ and -, such as production.';
comment on constraint a_label_is_of_one_thing on howdah.version_labels is
  'Set one of agent_id, workflow_id and prompt_id.';

comment on constraint name_is_not_empty on howdah.prompts is
  'Give the prompt a name of 1 to 200 characters, not only spaces.';
comment on constraint template_is_not_empty on howdah.prompts is
  'Write the text for the agent in template, with {{name}} for a variable.';
comment on constraint variables_are_an_object on howdah.prompts is
  'Write variables as JSON Schemas by name, such as {"tone": {"type": "string", "default": '
  '"kind"}}.';
comment on constraint definition_is_an_object on howdah.prompt_versions is
  'Change the prompt instead; its versions follow from it.';
comment on constraint prompt_values_are_an_object on howdah.agents is
  'Write prompt_values as a JSON object, such as {"tone": "kind"}.';
comment on constraint name_is_a_word on howdah.skills is
  'Use a name of 1 to 64 letters, digits, _ and -. Agents load the skill by this name.';
comment on constraint description_is_one_short_line on howdah.skills is
  'Describe in one line of at most 500 characters when to read the skill.';
comment on constraint content_is_not_empty on howdah.skills is
  'Write the knowledge for the agent in content, as Markdown.';
comment on constraint definition_is_an_object on howdah.skill_versions is
  'Change the skill instead; its versions follow from it.';
comment on constraint position_counts_from_one on howdah.agent_skills is
  'Set position to 1 for the skill to list first, and to 2, 3, … for the others.';

comment on constraint name_is_a_short_word on howdah.mcp_servers is
  'Use a name of 1 to 32 letters, digits, _ and -, without two _ in a row or one at the end. The '
  'names of its tools begin with it.';
comment on constraint configuration_is_an_object on howdah.mcp_servers is
  'Write configuration as a JSON object; howdah.mcp_server_schema(type) returns its JSON Schema.';
comment on constraint server_info_is_an_object on howdah.mcp_servers is
  'Leave server_info to the workers, which write it.';
comment on constraint parameters_are_an_object on howdah.mcp_tools is
  'Leave this column to the worker, which writes what the server reports.';
comment on constraint annotations_are_an_object on howdah.mcp_tools is
  'Leave this column to the worker, which writes what the server reports.';
comment on constraint refused_tools_have_a_fault on howdah.mcp_tools is
  'Leave status and fault to the worker, which sets both together.';
comment on constraint an_accepted_tool_is_what_was_accepted on howdah.mcp_tools is
  'Accept the tool with howdah.accept_mcp_tool(server, tool).';
comment on constraint variables_are_an_object on howdah.mcp_prompts is
  'Leave this column to the worker, which writes what the server reports.';
comment on constraint refused_prompts_have_a_fault on howdah.mcp_prompts is
  'Leave status and fault to the worker, which sets both together.';
comment on constraint an_accepted_prompt_is_what_was_accepted on howdah.mcp_prompts is
  'Accept the prompt with howdah.accept_mcp_prompt(server, prompt).';
comment on constraint name_is_a_short_word on howdah.integrations is
  'Use a name of 1 to 64 letters, digits, _ and -, beginning with a letter or digit.';
comment on constraint resource_url_is_http on howdah.integrations is
  'Write resource_url as https://host/path, the URL of the MCP server or API, without a user, '
  'password or fragment.';
comment on constraint issuer_is_http on howdah.integrations is
  'Write issuer as https://host/path, the issuer of the authorization server, or leave it out.';
comment on constraint endpoints_are_an_object on howdah.integrations is
  'Write endpoints as a JSON object, such as {"authorization_endpoint": "https://…", '
  '"token_endpoint": "https://…"}, or leave it out.';
comment on constraint endpoints_have_an_issuer on howdah.integrations is
  'Set issuer too, or leave endpoints out.';
comment on constraint a_client_secret_has_a_client on howdah.integrations is
  'Set client_id to the client that the secret belongs to, or leave secret_name out.';
comment on constraint client_credentials_have_a_client on howdah.integrations is
  'Set client_id and secret_name. Store the secret with: howdah admin secret set NAME.';
comment on constraint client_credentials_are_of_the_tenant on howdah.integrations is
  'Set account_scope to tenant: the client is the account of all runs.';
comment on constraint scopes_are_words on howdah.integrations is
  'Write each scope as a word of its own, such as ["repo", "read:user"].';
comment on constraint there_is_one_address on howdah_private.public_address is
  'Leave this row to the API, which writes it.';
comment on constraint a_document_has_one_owner on howdah_private.sealed_documents is
  'Leave this row to the processes that hold tokens, which write it.';
comment on constraint integration_is_an_object on howdah_private.token_revocations is
  'Leave this row to enqueue_revocation, which writes it.';
comment on constraint mcp_tools_name_their_server on howdah.tools is
  'Insert the server into howdah.mcp_servers; workers then add its tools.';

comment on constraint agent_tools_name_their_agent on howdah.tools is
  'Set agent_id for a tool of the kind agent, and for no other kind.';
comment on constraint aliases_fit_the_wire on howdah.tools is
  'Use 1 to 64 letters, digits, _ and - for each alias.';
comment on constraint cache_answers_for_is_from_1_second_to_a_month on howdah.tools is
  'Set cache_answers_for to 1 to 2592000 seconds, or leave it out to make each call.';
comment on constraint compensation_is_another_tool on howdah.tools is
  'Set compensation_tool_id to another tool that undoes this one, or leave it out.';
comment on constraint configuration_is_an_object on howdah.tools is
  'Write configuration as a JSON object, such as {}.';
comment on constraint name_fits_the_wire on howdah.tools is
  'Use a name of 1 to 64 letters, digits, _ and -. Models call the tool by this name.';
comment on constraint cached_tools_are_pure on howdah.tools is
  'Set cache_answers_for to null first, since a call that changes something must be made. Or set '
  'effect to pure, if calls of the tool only read.';
comment on constraint only_tools_that_do_something_exist on howdah.tools is
  'Set kind to builtin, sql, custom, http, agent, workflow or mcp.';
comment on constraint cached_tools_are_sql_http_mcp_or_custom on howdah.tools is
  'Leave cache_answers_for out. Built-in tools, sub-agents and workflows make each call.';
comment on constraint cached_tools_have_no_approval on howdah.tools is
  'Set cache_answers_for to null first, since a person has to see each call. Or set '
  'requires_approval to false.';
comment on constraint workflow_tools_name_their_workflow on howdah.tools is
  'Set workflow_id for a tool of the kind workflow, and for no other kind.';
comment on constraint parameters_are_a_schema_of_an_object on howdah.tools is
  'Write parameters as the JSON Schema of an object, such as {"type": "object", "properties": '
  '{…}}.';
comment on constraint timeout_is_between_a_millisecond_and_an_hour on howdah.tools is
  'Set timeout_ms to 1 to 3600000 milliseconds, or leave it out for one minute.';
comment on constraint configuration_is_an_object on howdah.agent_tools is
  'Write configuration as a JSON object, such as {}.';

comment on constraint a_session_is_with_an_agent_or_a_workflow on howdah.sessions is
  'Set agent_id or workflow_id, not both.';
comment on constraint state_is_an_object on howdah.sessions is
  'Write state as a JSON object, such as {}.';

comment on constraint input_is_at_most_1_mb on howdah.executions is
  'Pass a large text through a tool that reads it in parts.';
comment on constraint input_parts_are_a_list on howdah.executions is
  'Write input_parts as a JSON array of parts, such as [{"type": "text", "text": "…"}].';
comment on constraint history_is_a_list on howdah.executions is
  'Write history as a JSON array of messages, such as [{"role": "user", "content": "…"}].';
comment on constraint client_tools_are_a_list on howdah.executions is
  'Write client_tools as a JSON array, such as [{"name": "get_weather", "parameters": {…}}].';
comment on constraint a_debounce_key_has_a_window on howdah.executions is
  'Set debounce_key and a positive debounce_ms, or neither.';
comment on constraint metadata_is_an_object on howdah.executions is
  'Write metadata as a JSON object, such as {"order": 4711}.';
comment on constraint a_root_is_its_own_root on howdah.executions is
  'Leave root_execution_id out; it follows from the parent.';
comment on constraint forks_say_from_where on howdah.executions is
  'Fork with howdah.fork_execution(id, seq), which writes both columns.';
comment on constraint completed_runs_have_an_output on howdah.executions is
  'End a run with howdah.cancel_execution(id). For an imported run, write its output.';
comment on constraint ended_runs_say_when on howdah.executions is
  'End a run with howdah.cancel_execution(id). For an imported run, write completed_at if and only '
  'if it has ended.';
comment on constraint ended_runs_say_why on howdah.executions is
  'End a run with howdah.cancel_execution(id). For an imported run, write stop_reason if and only '
  'if it has ended.';
comment on constraint failed_runs_have_an_error on howdah.executions is
  'End a run with howdah.cancel_execution(id). For an imported run, write error if and only if it '
  'failed.';
comment on constraint error_is_an_object on howdah.executions is
  'Leave error to the engine; it is an object {code, message, retryable, cause}.';
comment on constraint metrics_are_an_object on howdah.executions is
  'Leave metrics to the engine; it is a JSON object.';
comment on constraint running_runs_have_an_owner on howdah.executions is
  'Leave status and owner_worker to the engine; a run is running while a worker owns it. Use '
  'howdah.pause_execution(id), resume_execution(id), retry_execution(id) or cancel_execution(id).';
comment on constraint timers_have_a_time on howdah.executions is
  'Leave waiting_for and wake_at to the engine.';
comment on constraint waiting_runs_say_for_what on howdah.executions is
  'Leave status and waiting_for to the engine. Use howdah.pause_execution(id), '
  'resume_execution(id) or cancel_execution(id); a question is answered by '
  'howdah.answer_question(id, answer).';

comment on constraint answered_questions_say_when on howdah.questions is
  'Answer with howdah.answer_question(id, answer), which writes both columns.';
comment on constraint options_are_a_list on howdah.questions is
  'Leave questions to the engine; options is an array of strings.';
comment on constraint preview_is_an_object on howdah.questions is
  'Leave questions to the engine; preview holds the changes of a dry run.';
comment on constraint schema_is_an_object on howdah.questions is
  'Leave questions to the engine; schema is a JSON Schema.';
comment on constraint an_approval_names_what_it_is_for on howdah.approvals is
  'Set only the column of the scope: execution_id for run, session_id for session, agent_id for '
  'agent.';

comment on constraint a_schedule_is_for_an_agent_or_a_workflow on howdah.schedules is
  'Set one of agent_id and workflow_id.';
comment on constraint input_is_at_most_1_mb on howdah.schedules is
  'Shorten input to 1 MB, or pass a large text through a tool that reads it in parts.';
comment on constraint last_error_is_an_object on howdah.schedules is
  'Leave last_error to the engine, which writes it when a run could not start.';
comment on constraint metadata_is_an_object on howdah.schedules is
  'Write metadata as a JSON object, such as {"report": "daily"}.';
comment on constraint name_is_not_empty on howdah.schedules is
  'Give the schedule a name of 1 to 200 characters, not only spaces.';
comment on constraint paused_schedules_have_no_next_time on howdah.schedules is
  'Set only is_active; next_at follows from it.';

comment on constraint note_has_at_most_4000_characters on howdah.todos is
  'Shorten note to 4000 characters, and store longer text in howdah.resources.';
comment on constraint position_counts_from_one on howdah.todos is
  'Set position to a whole number from 1 to 1000000.';
comment on constraint title_has_1_to_500_characters on howdah.todos is
  'Give the todo a title of 1 to 500 characters, not only spaces.';

comment on constraint a_message_is_from_a_run_or_a_person on howdah.mail is
  'Leave from_execution_id and created_by to the engine, which writes the sender.';
comment on constraint a_run_that_writes_has_a_tree on howdah.mail is
  'Leave root_execution_id to the engine, which copies it from the sending run.';
comment on constraint messages_within_a_tree_are_from_a_run on howdah.mail is
  'Leave is_within_tree to the engine, which writes it for the messages of runs.';
comment on constraint received_messages_have_a_receiver on howdah.mail is
  'Leave received_at to the engine, which writes it when a run receives the message.';
comment on constraint content_is_not_empty on howdah.mail is
  'Write the text of the message in content.';
comment on constraint key_is_one_short_line on howdah.board_entries is
  'Let an agent write the entry with its tool board_write, under a key of one line with 1 to 200 '
  'characters.';
comment on constraint value_has_at_most_32_kb on howdah.board_entries is
  'Shorten value to 32 KB, or split it over several keys.';
comment on constraint version_counts_from_one on howdah.board_entries is
  'Leave version to the engine, which counts the writes of each key.';

comment on constraint bytes_are_at_most_8_mb on howdah.resources is
  'Store at most 8 MB in bytes. For a larger file, an owner of the database sets storage_path '
  'instead.';
comment on constraint bytes_are_in_the_row_or_in_a_file on howdah.resources is
  'Set either bytes or storage_path, not both.';
comment on constraint metadata_is_an_object on howdah.resources is
  'Write metadata as a JSON object, such as {}.';
comment on constraint name_is_one_short_line on howdah.resources is
  'Give the file a name of one line with 1 to 255 characters.';
comment on constraint sha256_is_hex on howdah.resources is
  'Leave sha256 out, or write it as 64 characters of 0-9 and a-f.';
comment on constraint size_is_not_negative on howdah.resources is
  'Leave size out for a row with bytes. For a file, set size to its number of bytes.';
comment on constraint storage_path_is_relative on howdah.resources is
  'Write storage_path relative to the directory of resources, with / as the separator and without '
  '. or .. as a part.';
comment on constraint uri_is_an_address_of_its_own on howdah.resources is
  'Write uri with a scheme other than howdah, such as docs://handbook, in at most 2000 characters.';
comment on constraint type_is_a_mime_type on howdah.resources is
  'Write type as a MIME type in lower case, such as text/plain.';

comment on constraint a_hook_is_for_an_agent_or_a_workflow_or_for_all on howdah.hooks is
  'Set agent_id or workflow_id, or neither to call the hook for all runs of the tenant.';
comment on constraint timeout_is_up_to_a_minute on howdah.hooks is
  'Set timeout_ms to 1 to 60000 milliseconds.';
comment on constraint a_grant_is_of_an_agent_or_of_a_workflow on howdah.grants is
  'Set one of agent_id and workflow_id.';
comment on constraint a_grant_is_to_a_user_or_to_a_role on howdah.grants is
  'Set either user_id or role, not both.';

comment on constraint hash_is_a_sha_256 on howdah.api_keys is
  'Create keys with howdah.create_api_key(name) or: howdah admin key create NAME.';
comment on constraint prefix_is_hwd_and_an_id on howdah.api_keys is
  'Create keys with howdah.create_api_key(name) or: howdah admin key create NAME.';
comment on constraint name_is_not_blank_and_at_most_100_long on howdah.api_keys is
  'Give the key a name of 1 to 100 characters, not only spaces.';
comment on constraint scopes_are_actions on howdah.api_keys is
  'Use the scopes read, run, edit and manage, or leave scopes out to allow everything that the '
  'role allows.';
comment on constraint name_is_a_word on howdah.secrets is
  'Use a name of 1 to 128 letters, digits, _, . and -, starting with a letter or digit.';
comment on constraint version_is_positive on howdah.secrets is
  'Store secrets with: howdah admin secret set NAME.';

comment on constraint a_key_is_of_a_model_a_tool_or_runs on howdah.limits is
  'Omit key, or set scope to key, model or tool.';
comment on constraint a_key_of_a_limit_is_not_empty on howdah.limits is
  'Set key to the concurrency_key of runs, or omit it for a limit of each key.';
comment on constraint a_limit_of_a_key_counts_running_runs on howdah.limits is
  'Set metric to running_runs: only running runs are counted by their concurrency_key.';
comment on constraint a_limit_of_a_model_or_a_tool_has_a_subject_or_a_key on howdah.limits is
  'Set subject_id to the id of the model or tool; an owner of the database may set key instead.';
comment on constraint a_limit_of_running_runs_has_its_subject on howdah.limits is
  'Set subject_id to the id of the agent or model, or scope to key for the concurrency_key of '
  'runs.';
comment on constraint a_limit_per_tenant_is_of_the_system on howdah.limits is
  'Omit is_per_tenant, or set scope to system.';
comment on constraint a_tenant_a_key_and_the_system_have_no_subject on howdah.limits is
  'Omit subject_id: it names a user, agent, session, API key, model or tool. A concurrency_key '
  'goes into key.';
comment on constraint at_least_one_run_or_call_is_allowed on howdah.limits is
  'Set max_value to a whole number from 1 on; to stop an agent or tool set is_active to false.';
comment on constraint calls_and_tokens_of_a_model_are_counted_per_minute on howdah.limits is
  'Set period to minute; for calls at once set metric to running_calls.';
comment on constraint calls_are_of_a_model_or_a_tool on howdah.limits is
  'Set scope to model or tool: calls are counted by these.';
comment on constraint max_value_is_zero_or_more on howdah.limits is
  'Set max_value to a number from 0 on.';
comment on constraint requests_are_of_a_tenant_a_user_an_api_key_or_the_system on howdah.limits is
  'Set scope to tenant, user or api_key: requests are counted by these.';
comment on constraint requests_have_a_period on howdah.limits is
  'Set period to minute, hour, day or month.';
comment on constraint running_runs_are_of_an_agent_a_model_a_key_or_a_tenant on howdah.limits is
  'Set scope to agent, model or key: running runs are counted by these.';
comment on constraint runs_and_cost_are_not_of_an_api_key_a_model_or_a_tool on howdah.limits is
  'Set scope to tenant, user, agent or session: runs and cost are counted by these.';
comment on constraint storage_and_running_limits_have_no_period on howdah.limits is
  'Omit period: storage and running limits count what exists now.';
comment on constraint storage_is_of_a_tenant_a_session_or_the_system on howdah.limits is
  'Set scope to tenant or session: storage is counted by these.';
comment on constraint tokens_are_not_of_an_api_key_or_a_tool on howdah.limits is
  'Set scope to tenant, user, agent, session or model: tokens are counted by these.';

comment on constraint value_is_a_number on howdah.settings is
  'Set value to a number within the range in howdah.setting_values.';

comment on constraint action_is_one_word on howdah.audit_log is
  'Leave the audit log to its triggers.';
comment on constraint detail_is_an_object on howdah.audit_log is
  'Leave the audit log to its triggers.';
comment on constraint hashes_have_32_bytes on howdah.audit_log is
  'Leave the audit log to its triggers.';
comment on constraint seq_counts_from_one on howdah.audit_log is
  'Leave the audit log to its triggers.';
comment on constraint runs_are_kept_for_a_day_at_least on howdah.retention_policies is
  'Set keep_contents_days to whole days, 0 or more (0 keeps none), and keep_runs_days to 1 or '
  'more. Leave a column out to keep the data for ever.';
comment on constraint sessions_are_kept_for_up_to_a_day on howdah.retention_policies is
  'Set keep_sessions_minutes to 1 to 1440 minutes.';

comment on constraint name_is_not_empty on howdah.agent_systems is
  'Give the system a name of 1 to 200 characters, not only spaces.';
comment on constraint resolved_is_an_object on howdah.agent_systems is
  'Write systems with howdah.apply_agent_system(document) or: howdah apply FILE.';
comment on constraint version_counts_from_one on howdah.agent_systems is
  'Write systems with howdah.apply_agent_system(document) or: howdah apply FILE.';
comment on constraint resolved_is_an_object on howdah.agent_system_versions is
  'Change the system instead; its versions follow from it.';

comment on constraint a_policy_is_about_a_tool_or_a_kind on howdah.tool_policies is
  'Set tool_id or kind, not both, or neither for a policy about all tools.';
comment on constraint min_trust_is_above_external on howdah.tool_policies is
  'Set min_trust to internal, user or system; external is the lowest trust.';
comment on constraint name_is_a_word on howdah.output_filters is
  'Use a name of 1 to 64 letters, digits, _ and -.';
comment on constraint pattern_is_up_to_1000_characters_long on howdah.output_filters is
  'Set pattern to a regular expression of 1 to 1000 characters.';
comment on constraint places_are_named on howdah.output_filters is
  'Set places to one or more of output, question, arguments, sql, message, board, file and input.';
comment on constraint reason_is_an_object on howdah.questions is
  'Leave questions to the runs that ask them.';

comment on constraint on_refusal_is_record_or_raise on howdah.table_triggers is
  'Set on_refusal to record or raise.';
comment on constraint on_event_is_insert_or_update on howdah.table_triggers is
  'Set on_event to insert, update, or insert or update.';
comment on constraint a_watch_is_for_an_agent_or_a_workflow on howdah.table_triggers is
  'Pass an agent or a workflow: howdah.watch_table(''public.tickets'', agent => ''support'').';
comment on constraint a_debounce_key_has_a_window on howdah.table_triggers is
  'Set debounce_key to an expression and debounce_ms to a positive number of milliseconds, or omit '
  'both.';
comment on constraint rows_are_found_by_a_key on howdah.table_triggers is
  'Give the table a primary key, and call howdah.watch_table again.';
comment on constraint row_key_is_an_object on howdah.watched_rows is
  'Leave this column to the watch, which writes it.';
comment on constraint error_is_an_object on howdah.watched_rows is
  'Leave this column to the engine, which writes it.';

comment on constraint url_is_http on howdah.webhooks is
  'Write url as https://host/path with at most 2000 characters, without user, password or spaces.';
comment on constraint events_are_known on howdah.webhooks is
  'Set events to one or more of execution.completed, execution.failed, execution.cancelled, '
  'question.opened, alert.firing, alert.resolved, alert.failed.';
comment on constraint an_active_webhook_is_not_disabled on howdah.webhooks is
  'Leave disabled_because to the engine, which writes it.';
comment on constraint payload_is_an_object on howdah.webhook_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint pending_deliveries_have_a_next_time on howdah.webhook_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint delivered_ones_have_a_time on howdah.webhook_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint a_delivery_is_about_a_run_or_an_alert on howdah.webhook_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint name_is_part_of_a_path on howdah.inbound_hooks is
  'Give the hook a name of 1 to 63 lower-case letters, digits, _ and -, such as github-issues.';
comment on constraint secret_header_is_a_header on howdah.inbound_hooks is
  'Set secret_header only with verification shared_secret, to a header such as X-Gitlab-Token.';
comment on constraint mapping_is_an_object on howdah.inbound_hooks is
  'Write mapping as a JSON object of expressions, such as {"input": "body.text"}.';
comment on constraint reply_is_an_object on howdah.inbound_hooks is
  'Write reply as a JSON object: {"url": …, "secret_name": …, "body": …}.';
comment on constraint debounce_ms_is_positive on howdah.inbound_hooks is
  'Set debounce_ms to the length of the window in milliseconds, such as 5000.';
comment on constraint a_debounce_key_has_a_window on howdah.inbound_hooks is
  'Set debounce_key and debounce_ms, or neither.';
comment on constraint messages_of_a_session_are_not_debounced on howdah.inbound_hooks is
  'Set session_key or debounce_key, not both: every message of a session has a run.';
comment on constraint a_hook_is_for_an_agent_or_a_workflow on howdah.inbound_hooks is
  'Set one of agent_id and workflow_id.';
comment on constraint reply_is_an_object on howdah.inbound_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint error_is_an_object on howdah.inbound_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint an_accepted_delivery_has_a_run on howdah.inbound_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint requests_are_counted_from_one on howdah.inbound_deliveries is
  'Leave this column to the engine, which writes it.';
comment on constraint interval_is_from_ten_seconds_to_a_day on howdah.alert_rules is
  'Set interval_seconds to a whole number from 10 to 86400.';
comment on constraint query_is_not_empty on howdah.alert_rules is
  'Set query to one SELECT that returns no rows when all is well.';
comment on constraint engine_check_is_known on howdah.alert_rules is
  'Set engine_check to failed_deliveries, violations or alerts.';
comment on constraint a_rule_has_a_query_or_names_what_is_looked_at on howdah.alert_rules is
  'Set either query or engine_check, not both.';
comment on constraint sample_is_a_list on howdah.alert_rules is
  'Leave this column to the engine, which writes it.';

comment on constraint answer_is_an_object on howdah.model_tests is
  'Leave this table to workers, which write the results of tests.';
comment on constraint error_is_an_object on howdah.model_tests is
  'Leave this table to workers, which write the results of tests.';
comment on constraint a_passed_test_has_an_answer on howdah.model_tests is
  'Leave this table to workers, which write the results of tests.';
comment on constraint a_failed_test_has_an_error on howdah.model_tests is
  'Leave this table to workers, which write the results of tests.';
comment on constraint a_finished_test_has_its_time on howdah.model_tests is
  'Leave this table to workers, which write the results of tests.';

comment on constraint months_are_named_by_their_first_day on howdah_private.closed_months is
  'Name a month by its first day, like howdah admin retention.';
comment on constraint score_is_between_0_and_1 on howdah.feedback_entries is
  'Give a score from 0 (useless) to 1 (perfect), or leave it out.';
comment on constraint feedback_has_a_score_or_a_comment on howdah.feedback_entries is
  'Give a score from 0 to 1, a comment, or both.';
comment on constraint comment_is_not_empty on howdah.feedback_entries is
  'Write an opinion in comment, or leave it out.';
comment on constraint comment_has_at_most_10000_characters on howdah.feedback_entries is
  'Shorten the comment to 10000 characters.';
comment on constraint message_seq_counts_from_one on howdah.feedback_entries is
  'Use the seq of a message of the run, or leave it out.';
