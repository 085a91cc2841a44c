-- Comments of columns that people ask about. They are also the documentation of GraphQL. Other
-- columns get the comment of their name (62_column_comments.sql).
comment on column howdah.executions.status is
  'queued, running, waiting or paused; after the end completed, failed or cancelled.';
comment on column howdah.executions.waiting_for is
  'What a waiting run waits for: its turn in the session, a person, a child, a timer (the next '
  'attempt, or mail), or capacity within a limit (quota).';
comment on column howdah.executions.stop_reason is
  'Why the run ended: final_answer, a limit (max_steps, …), cancelled, error, poison.';
comment on column howdah.executions.finish_reason is
  'How the last model answer of a run that has ended was ended: stop, tool_calls, length (the '
  'token limit cut it off), content_filter or refusal. For a workflow, of the answers that its '
  'own answer consists of. Null if no model answered.';
comment on column howdah.executions.error is
  'The error of a failed run: {code, message, retryable, cause}.';
comment on column howdah.executions.fence is
  E'@behavior -*\n'
  'A fencing token. It rises with each claim, and when the run returns to the queue. A commit with '
  'an older fence changes nothing.';
comment on column howdah.executions.output is 'The answer.';
comment on column howdah.executions.output_data is
  'The answer as JSON, if the agent has an output_schema.';
comment on column howdah.executions.input_data is
  'Data in addition to the text. The model receives it as JSON below the input.';
comment on column howdah.executions.overrides is
  'Differences from the pinned version, set when the run started: model (by name, kept by value), '
  'request_params, allowed_tools, suppress_markdown, mission_override, tool.';
comment on column howdah.executions.metrics is
  'Facts about the end, from hooks: annotations, and hook_errors.';
comment on column howdah.executions.max_steps is
  'Maximum number of model answers, copied from the agent when the run was inserted.';
comment on column howdah.executions.max_seconds is 'Maximum active time in seconds, without waits.';
comment on column howdah.executions.depth is 'Number of runs above; 0 for a root.';
comment on column howdah.executions.created_by is
  'Who started the run: the user of the token, else the API key, else the database login. For a '
  'run of a schedule or an inbound hook it is written_by of that row.';
comment on column howdah.executions.wake_at is 'Time at which the timer of the run fires.';
comment on column howdah.executions.cost is
  'Sum of the cost of its steps, at the prices when they committed. In SQL, execution_counters is '
  'exact while the run is running.';
comment on column howdah.steps.kind is
  'model, tool, retry, guard, output, error, …: see docs/concepts.md.';
comment on column howdah.steps.name is 'Name of the model, tool or guard.';
comment on column howdah.steps.input is
  'For a tool, its arguments. For a retry, the number of the attempt.';
comment on column howdah.steps.output is
  'For a tool, its result. For a model, why it stopped. For a retry, the delay.';
comment on column howdah.steps.error is 'The error: {code, message, retryable, cause}.';
comment on column howdah.steps.annotations is
  'Notes of hooks, as a JSON object. Also progress, the last report of a tool, and cached_from, '
  'the run and the step of the answer that the cache gave.';
comment on column howdah.steps.worker is 'The worker process that committed the step.';
comment on column howdah.messages.trust is
  'Origin of the text: system, user, internal (a model, a message of another agent), external (a '
  'tool).';
comment on column howdah.messages.parts is
  'Content parts in addition to the text, in the format of OpenAI (images, files).';
comment on column howdah.agents.is_active is
  'An inactive agent refuses new runs; live runs continue.';
comment on column howdah.agents.capabilities is
  'Strengths of the agent, in words that a router can match.';
comment on column howdah.agents.domain is 'Subject area of the agent.';
comment on column howdah.agents.user_id is
  'The user that the agent belongs to; null for the whole tenant.';
comment on column howdah.agent_models.request_params is
  'Parameters sent to the model unchanged: temperature, max_tokens, …; never a key.';
comment on column howdah.sessions.state is 'A document of the application about the conversation.';
comment on column howdah.tools.kind is
  'sql: a function of this database; http: a request to an API; custom: a TypeScript function '
  'registered in code.';
comment on column howdah.tools.configuration is
  'Configuration by kind. For a sql tool, what register_sql_tool read from the catalogue, and '
  'dry_run (false asks for approval without a trial). Of most kinds also max_result_bytes (1000 to '
  '1048576), result_trust and question (settings of approvals).';
comment on column howdah.agent_tools.configuration is
  'Configuration of the tool for this agent. For kind agent and workflow: mission_override, '
  'allowed_tools, budget, suppress_markdown, ephemeral; for kind agent also handoff.';
comment on column howdah.agent_tools.requires_approval is
  'True if a person must approve each call. Null uses requires_approval of the tool.';
comment on column howdah.questions.kind is
  'question: the agent asks; the answer is text, one of options, or a value of schema. '
  'approval: a call waits for approve or reject. effect: nobody observed the outcome of a call; '
  'the answer is done (data: its result), again or give_up.';
comment on column howdah.questions.default_answer is
  'Answer to use if nobody answers in time. For an approval, approve or reject.';
comment on column howdah.questions.preview is
  'Result of a trial of the SQL call, rolled back afterwards: {result, tables: [{table, inserted, '
  'updated, deleted, rows: [{before, after}], …}], altered, new_each_time}. left_out of a table '
  'says why rows are missing: rights (the user of the run may not read the whole row), size (the '
  'table has more than 512 MiB), rows (more than 1,000 rows or 1 MiB were changed).';
comment on column howdah.approvals.scope is
  'Scope of the approval: the run and the runs below, the session, or the agent.';
comment on column howdah.schedules.cron is
  'minute hour day-of-month month day-of-week, with lists, ranges, steps and names (JAN, MON); or '
  '@hourly, @daily, @weekly, @monthly, @yearly. Sunday is 0 and 7. If both day fields are '
  'restricted, one match is enough; a day field that begins with * restricts nothing by itself.';
comment on column howdah.schedules.overlap_policy is
  'What to do if the last run is still live. allow: start the new run beside it. skip: start no '
  'run. cancel: cancel the last run, then start the new run; a run of an earlier user of the '
  'schedule is not cancelled, and the new run is skipped.';
comment on column howdah.schedules.catchup_policy is
  'What to do with times that passed while no worker was alive. skip: nothing. one: run the '
  'newest. all: run all, oldest first, at most the 100 newest.';
comment on column howdah.executions.metadata is
  'Tags of your own, such as {"order": 4711}. find_runs searches them by an index.';
comment on column howdah.schedules.user_id is
  'User that the runs belong to: who created the schedule, or the last user who changed more than '
  'name and is_active. Only an owner of the database sets it.';
comment on column howdah.mail.to_execution_id is
  'Only run that may receive the message, which stays unread if that run ends first. Null allows '
  'any run of the agent.';
comment on column howdah.resources.storage_path is
  'Path of the file, relative to HOWDAH_HOME/resources of the workers. Only an owner of the '
  'database writes it, together with sha256 and size.';
comment on column howdah.table_triggers.on_event is
  'insert, update, or insert or update. An update starts a run if it changes the input, makes the '
  'condition true, or changes the primary key of the row.';
comment on column howdah.table_triggers.concurrency_key is
  'SQL expression over the columns of the row, whose value is the concurrency_key of the run. Null '
  'or a blank value means none. Any value but a line of at most 500 characters rejects the row.';
comment on column howdah.table_triggers.debounce_key is
  'SQL expression over the columns of the row. Rows with one value within debounce_ms make one '
  'run, for the newest of them. Null or a blank value makes a run for each row. Any value but a '
  'line of at most 500 characters rejects the row.';
comment on column howdah.mcp_servers.sampling_model_id is
  'Model that answers sampling requests of the server, within the budget of the run: at most 10 '
  'for a call, of at most 256 kB. Null refuses these requests.';
comment on column howdah.mcp_tools.fault is
  'Reason why the tool cannot be offered: its name is missing or taken, its description is larger '
  'than 32 kB, its inputSchema is missing, invalid, refers to other documents or grows too large, '
  'or the tool works only as a task. With another status than refused: what is odd about a tool '
  'that works, such as an outputSchema that its results are not checked against.';
comment on column howdah.mcp_prompts.fault is
  'Reason why the prompt cannot become a template: it contains something other than text or '
  'invisible characters, is larger than 32 kB, does not repeat a required argument unchanged, or '
  'has an argument whose name cannot be a variable.';
comment on column howdah.mcp_tools.status is
  'accepted: agents have the tool. new: the server added it later, or its description has '
  'invisible characters. changed: the server changed its description. refused: it cannot be '
  'offered; fault gives the reason. gone: it was accepted, and the server no longer offers it.';
comment on column howdah.models.provider is
  E'@hasDefault\nThe vendor, or the host of its API. Without one, the vendor that has the model; '
  'else openai.';
comment on column howdah.models.model is
  E'@hasDefault\nId of the model at its provider, such as gpt-5-mini; the name by default.';
comment on column howdah.models.purpose is
  'llm: text; embedding: vectors; tts: text to speech; stt: speech to text; image: generates '
  'images; rerank: orders documents; classifier.';
comment on column howdah.models.base_url is
  'URL of an OpenAI-compatible endpoint. Null uses the URL and key of the environment. With '
  'base_url and no secret_name no key is sent. The host of a vendor alone stands for the usual '
  'address of the vendor.';
comment on column howdah.hooks.timeout_ms is
  'Time limit of one call in milliseconds, 5000 by default. A longer call fails.';
comment on column howdah.effects.state is
  'started: in progress. done, failed: over. unknown: nobody observed the outcome; for a call that '
  'must happen once, a person is asked. given_up: the person could not tell. compensated, '
  'compensation_failed: undone, or not.';
comment on column howdah.watched_rows.write_back is
  'waiting: the run has not ended, or its answer is not written yet. written: the answer is in the '
  'row. superseded: somebody changed the column first, or the row started a newer run. gone: the '
  'row or the table no longer exists. failed: error gives the reason. Null if the watch writes no '
  'answer back.';
comment on table howdah.secrets is
  'API keys of model providers and other secrets, by name. Values are written by setSecret or '
  'howdah admin secret set, and are never returned.';
comment on column howdah.users.role is 'owner, admin, member, viewer.';
comment on table howdah.watched_rows is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName '
  'execution|@foreignFieldName watchedRow\nRow of a watched table that each of its runs is about, '
  'and the state of the answer. Inserted together with the run.';

comment on column howdah.executions.at_risk is
  E'@behavior -*\n'
  'True while a worker of an older release runs code of a suspect. Later releases run suspects '
  'alone and do not set it.';
