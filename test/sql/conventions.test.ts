import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { namesMadeBy, replaceableFiles } from '../../src/db/schema/replaceable-files.ts';
import { testDatabase } from '../support/database.ts';
import { sqlMessages } from '../support/generate/sql-messages.ts';
import { all, one, rolledBack } from './support.ts';

// Checks the rules of sql/README.md in the catalogue. Every exception is in a list with its reason.
// A listed exception that no longer exists fails too, so that the lists stay correct.
const OURS = `('howdah'::regnamespace, 'howdah_private'::regnamespace)`;

/** node-pg-migrate creates this table before the first migration. */
const FOREIGN_TABLES = ['howdah_private.migrations'];

/** Private tables with rows that a tenant may read. */
const READ_BY_TENANTS = [
  'howdah_private.cached_answers',
  'howdah_private.message_log', // the view howdah.messages reads it with the rights of its reader
  'howdah_private.run_heads', // views with the rights of their reader read counters from it
  'howdah_private.run_tags', // lists with the rights of their reader search it
  'howdah_private.searched_bases', // as run_tags
];

/** Functions that migrations create, since defaults and checks of tables call them. */
const MADE_BY_MIGRATIONS = [
  'howdah.uuid_v7',
  'howdah_private.fit_the_wire',
  'howdah_private.is_uuid_v7',
];

const PROCEDURES_THAT_COMMIT = [
  'howdah.ask(text,text,text)',
  'howdah.tail(uuid,text)',
  'howdah_private.check_no_block(text)',
];

/** Functions that run as the owner, because only the owner of a table may add partitions to it. */
const DEFINERS_OF_THE_OWNER = [
  'howdah_private.freeze_month(date)', // and add a trigger to one
  'howdah_private.ensure_month(timestamp with time zone)',
  'howdah_private.ensure_partition(regclass,timestamp with time zone)',
  'howdah_private.ensure_partitions(integer,integer)',
  'howdah_private.unfreeze_month(date)',
  'howdah_private.repair_partitions()',
];

/** Functions that run with fewer rights than their caller. */
const DEFINERS_OF_THE_TOOLS = [
  'howdah_private.plan_watch(text)',
  'howdah_private.run_read_query(text,text,text[],integer,integer,double precision)',
  'howdah_private.run_as_tool_role(text,jsonb,text)',
  'howdah_private.watched_documents(text,text[])',
  'howdah_private.watched_inputs(text,text[])',
  'howdah_private.write_bound(text,jsonb,text)',
];

/** Functions that the triggers of immutable tables exempt. Only the engine may call them. */
const DEFINERS_OF_THE_ERASER = [
  'howdah_private.delete_log(uuid[])',
  'howdah_private.delete_replaced_run(howdah.executions,uuid,oid)',
  'howdah_private.erase_answer_log(uuid,text)',
  'howdah_private.erase_log(uuid[],boolean)',
  'howdah_private.rename_author(uuid,text,text)',
  'howdah_private.rename_in_log(uuid[],text,text)',
  'howdah_private.write_log_contents(text,jsonb)',
  'howdah_private.write_side_contents(text,jsonb)',
];

/** Functions of column defaults that are called for each row instead of being inlined. */
const DEFAULTS_NOT_INLINED: Record<string, string> = {
  'howdah.current_tenant()':
    'reads private tables as the engine; the hot path asks it once per statement (_010_permit)',
};

/** Functions with dynamic SQL, and why input of callers cannot reach it. */
const DYNAMIC_SQL: Record<string, string> = {
  'howdah_private.watched_documents(text,text[])':
    'is there for expressions that are not ours, and has no more rights than that',
  'howdah_private.copy_existing_rows(regclass,howdah.knowledge_watches)':
    'no definer; the name is a regclass',
  'howdah_private.create_knowledge_triggers(regclass,uuid)':
    'no definer; names come from the catalogue and an id',
  'howdah_private.lock_watched_table(regclass)': 'no definer; the name is a regclass',
  'howdah_private.drop_knowledge_triggers(uuid)':
    'no definer; names come from the catalogue and an id',
  'howdah_private.watched_inputs(text,text[])':
    'is there for expressions that are not ours, and has no more rights than that',
  'howdah_private.nearest_by_index(howdah_private.embedding_generations,real[],integer,jsonb)':
    'no definer; names of the extension come from the catalogue, and the vector is a parameter',
  'howdah_private.resolve_watchable_table(text)': 'no definer; the schema comes from the catalogue',
  'howdah_private.touched_rows(jsonb,text,integer,integer,bigint)':
    'which tables a call changed is known when it is over; names are quoted by format()',
  'howdah_private.tg_hooks__grant()':
    "an owner's trigger; what it formats comes from the catalogue",
  'howdah_private.tg_login_tenants__set_role()':
    "an owner's trigger; format() quotes the login, which the catalogue has",
  'howdah_private.tg_login_tenants__set_timeouts()':
    'no definer; missing_timeouts() quotes the login, and its settings are constants',
  'howdah_private.restrict_shared_resources()':
    'no definer and granted to nobody; names come from the catalogue, roles are constants',
  'howdah_private.repair_partitions()': 'names come from the catalogue, settings from a function',
  'howdah.watched_rows_current_row(howdah.watched_rows)':
    'no definer; the names come from the catalogue, and the key is a parameter',
  'howdah_private.create_watch_triggers(regclass,howdah.table_triggers)':
    'no definer; names come from the catalogue and an id',
  'howdah_private.run_statements(text[])':
    "no definer and granted to nobody; what it is given is quoted by format, or a function's definition from the catalogue",
  'howdah_private.run_in_schema(text,text)':
    'no definer and granted to nobody: functions an owner applies, with his own rights',
  'howdah_private.run_as_tool_role(text,jsonb,text)':
    'is there for SQL that is not ours, and has no more rights than that',
  'howdah_private.rows_of_query(text,text,text[],integer,integer,double precision)':
    'is there for queries that are not ours, and can do nothing but read what they may',
  'howdah_private.removed_rows(jsonb)': 'as touched_rows',
  'howdah_private.plan_watch(text)':
    'plans expressions that are not ours, and has no more rights than that',
  'howdah_private.freeze_month_statement(date)':
    'runs nothing; the name comes from a date, quoted by format',
  'howdah_private.ensure_partition(regclass,timestamp with time zone)':
    'granted to nobody; names and bounds come from a constant and a time, quoted by format',
  'howdah_private.drop_watch(uuid)': 'no definer; names come from the catalogue and an id',
  'howdah_private.freeze_month(date)': 'the name comes from a date, quoted by format',
  'howdah_private.unfreeze_month(date)': 'the name is a regclass',
  'howdah_private.call_with_deferred(text,jsonb,text)':
    'a tool is tried and watched as run_as_tool_role runs it',
  'howdah_private.write_bound(text,jsonb,text)': 'as run_as_tool_role',
  'howdah.register_sql_tool(text)': 'no definer; what it formats is a regprocedure, not the text',
};

/** The function whose parameters are the columns of a batch. */
const COMMIT_STEPS = `howdah_private.commit_steps(${[
  'uuid,integer,uuid[],integer[],integer[],integer[],integer[],jsonb,jsonb,integer[],integer[]',
  'howdah.step_kind[],text[],text[],howdah.tool_effect[],text[],jsonb[],jsonb[],jsonb[],uuid[]',
  'integer[],integer[],howdah.trust[],timestamp with time zone[],jsonb[],integer[],integer[]',
  'howdah.message_role[],text[],jsonb[],jsonb[],text[],integer[],integer[],integer[]',
].join(',')})`;

const LONG_BODIES: Record<string, number> = {
  [COMMIT_STEPS]: 164,
  'howdah_private.claim_executions(uuid,uuid[],integer,uuid,integer,uuid[])': 150,
  'howdah_private.claim_due_runs(uuid,uuid[])': 90,
  // Every insert of a run calls it. A call of a nested function would cost up to 5 µs.
  'howdah_private.tg_executions__prepare()': 80,
  // A function that a trigger calls does not see the new rows of the statement.
  'howdah_private.tg_executions__enqueue()': 92,
  // a JSON document
  'howdah.workflow_schema(howdah.workflow_type)': 90,
  // a row per tool, with a JSON document
  'howdah_private.builtin_tools()': 375,
  // a row per table
  'howdah_private.table_rules()': 150,
  // a row per kind of column
  'howdah_private.column_classes()': 75,
  'howdah_private.written_columns()': 90,
  // generated, with a row per table
  'howdah_private.content_columns(regclass)': 150,
  // generated, with a row per vendor
  'howdah_private.model_vendors()': 200,
  'howdah_private.builtin_settings(text)': 80,
  // one document of all parts of an agent
  'howdah_private.agent_definition(uuid)': 80,
  // one statement of named CTEs, which is also sent to other databases
  'howdah_private.refused_calls(jsonb,text[])': 80,
  // one select per invariant, for separate reading
  'howdah_private.find_violations(timestamp with time zone,uuid)': 250,
  'howdah_private.find_wait_violations(timestamp with time zone,uuid)': 75,
  // one query per kind of row
  'howdah.export_user_data(uuid,boolean)': 75,
  'howdah_private.exported_run(uuid,integer,boolean)': 80,
  // one statement per table of parts
  'howdah_private.prune_system(uuid,jsonb)': 80,
  'howdah_private.claim_parts(uuid,jsonb,jsonb,boolean)': 70,
  // one select per kind of fault
  'howdah_private.system_use_faults(jsonb)': 70,
  // long lists of columns
  'howdah.fork_execution(uuid,integer,text,integer,jsonb,jsonb,jsonb)': 70,
};

/** Foreign keys whose index starts with another column. */
const UNINDEXED_KEYS: Record<string, string> = {};

/** Documents of any JSON type, including strings, numbers and lists. */
const ANY_JSON: Record<string, string> = {
  'howdah.dataset_items.expected': 'whatever graders compare with',
  'howdah.dataset_items.input_data': 'handed to its runs as it is',
  'howdah.executions.input_data': 'whatever the caller hands over',
  'howdah.executions.output_data': 'whatever the output schema describes',
  'howdah.questions.answer_data': 'whatever its schema describes',
  'howdah.questions.tool_call': 'written by the engine only, a copy of the call',
  'howdah.executions.first_limits': 'written by the engine only',
  'howdah.executions.input_hits': 'written by the engine only',
  'howdah.mail.input_hits': 'written by the engine only',
  'howdah.executions.overrides':
    'its shape is checked with the row, by overrides_fault; below a run the engine writes it',
  'howdah_private.inbox.output': 'written by the engine only, becomes steps.output',
  'howdah_private.inbox.parts': 'written by the engine only, becomes messages.parts',
  'howdah.board_entries.value': 'whatever an agent writes',
  'howdah.schedules.input_data': 'handed to each of its runs as it is',
  'howdah.steps.input': 'what a tool was given; written by commit_steps only',
  'howdah.steps.output': 'what a tool gave; written by commit_steps only',
  // A check would slow down every commit. howdah.violations reports wrong types instead.
  'howdah.steps.error': 'an object, or malformed_step',
  'howdah.steps.annotations': 'an object, or malformed_step',
  'howdah_private.message_log.parts': 'a list, or malformed_message',
  'howdah_private.message_log.tool_calls': 'a list, or malformed_message',
};

/** Columns of type date, which has no time zone. Their days are in UTC. */
const DAYS: Record<string, string> = {
  'howdah_private.closed_months.month': 'a month, by its first day',
  'howdah.sessions.last_active_on':
    'changes once a day, so that updates of a turn skip its indexes',
  'howdah.evaluation_results.day': 'figures of a day',
  'howdah.usage_totals.day': 'figures of a day',
  'howdah.usage_durations.day': 'figures of a day',
};

/** Timestamps whose names do not end in `_at`. */
const OTHER_TIMES: Record<string, string> = {
  'howdah.executions.active_since': 'the beginning of a span, null outside of it',
  'howdah.memories.valid_from': 'the beginning of a span',
  'howdah.memories.valid_to': 'the end of a span, null while it is open',
  'howdah_private.run_heads.active_since': 'a copy from its run',
};

/** Ids that have no default, and who generates them. */
const IDS_WITHOUT_DEFAULT: Record<string, string> = {
  'howdah_private.knowledge_base_sizes': 'a number; none points at it',
  'howdah_private.limited_calls': 'the order in which calls began; none points at it',
  'howdah_private.inbox': 'the order in which events came; never shown to anybody',
  'howdah_private.sealed_documents': 'the id of its connection, account or flow',
  'howdah_private.workers': 'a worker names itself before it connects',
};

/**
 * References without a foreign key, and what keeps them valid. The `execution_id` that callers
 * write needs no reason if the anchor of the table is the run: it is checked by
 * sql/30_triggers/run_references.sql, and the row is deleted by sql/06_rows/erased_rows.sql.
 */
const NO_FOREIGN_KEY: Record<string, string> = {
  'howdah.chunks.knowledge_base_id': 'that of the document',
  'howdah.search_results.execution_id': 'that of the search, for the key of citations',
  'howdah.search_results.document_id': 'the document may be deleted; the answer still cites it',
  'howdah.search_results.knowledge_base_id': 'as document_id',
  'howdah.searches.execution_id': 'none points at executions; deleted with the run',
  'howdah.dataset_items.source_execution_id': 'set to null with the run, by delete_runs',
  'howdah.dataset_items.source_user_id': 'read from the run; erase_user deletes the item',
  'howdah.dataset_items.source_version_id': 'read from the run; versions are never deleted',
  'howdah.evaluations.version_id': 'a version of its agent or workflow, which are never deleted',
  'howdah.evaluation_results.execution_id': 'set to null with the run, by delete_runs',
  'howdah_private.cached_answers.execution_id': 'deleted with the run',
  'howdah_private.due_grades.execution_id': 'deleted with the run, by forget_results',
  'howdah_private.due_grades.evaluation_id':
    'a key would be locked by each run that ends; claim_grades deletes rows without a result',
  'howdah_private.judgements.evaluation_id': 'what a judge said is used again, also by others',
  'howdah_private.judgements.execution_id': 'none points at executions; deleted with the run',
  'howdah_private.judgements.judge_execution_id':
    'the run of the judge may be deleted; what it said stays',
  'howdah.memories.source_execution_id': 'set to null with the run, by delete_runs',
  'howdah.memories.subject_id': 'repeated by user_id, agent_id and session_id, which have keys',
  'howdah_private.memory_terms.subject_id': 'that of the memory',
  'howdah_private.chunk_terms.knowledge_base_id':
    'deleted with the base and its chunks, by triggers per statement',
  'howdah_private.due_documents.knowledge_base_id': 'that of the document',
  'howdah_private.knowledge_base_sizes.knowledge_base_id':
    'a key would wait for who deletes the base; deleted by a trigger',
  'howdah.executions.agent_id':
    'read by the insert trigger; its versions keep it, and they are never deleted',
  'howdah.executions.agent_version_id':
    'read from the agent, or checked by check_version; never deleted',
  'howdah.executions.workflow_id': 'as agent_id',
  'howdah.executions.workflow_version_id': 'as agent_version_id',
  'howdah.executions.table_trigger_id': 'written by the trigger of that watch; it may be gone',
  'howdah.webhook_deliveries.execution_id': 'none points at executions; the run it tells of',
  'howdah.inbound_deliveries.execution_id': 'none points at executions; written with its run',
  'howdah.inbound_deliveries.delivery_id': 'an id that the sender chose',
  'howdah.watched_rows.execution_id': 'none points at executions; inserted with its run',
  'howdah.executions.parent_execution_id':
    'none points at executions; checked by the insert trigger',
  'howdah_private.debounced_runs.execution_id': 'none points at executions; written with its run',
  'howdah_private.token_revocations.account_id':
    'the row outlives its account, whose tokens are sealed for this id',
  'howdah_private.tree_entries.execution_id':
    'none points at executions; deleted with the order of the tree',
  'howdah_private.tree_orders.top_execution_id': 'none points at executions; deleted with its run',
  'howdah_private.debounced_runs.target_id': 'an agent or a workflow, read from the run',
  'howdah_private.child_ends.execution_id':
    'none points at executions; gone when its transaction is over',
  'howdah_private.child_ends.parent_execution_id': 'as execution_id',
  'howdah.executions.root_execution_id': 'none points at executions; copied from the parent',
  'howdah.executions.forked_from_execution_id':
    'none points at executions; the original may be gone, the copy stands for itself',
  'howdah.executions.started_by_execution_id':
    'none points at executions; only compared, and a run that is gone is nobody',
  'howdah.schedules.written_by_execution_id':
    'none points at executions; only copied into the runs of the schedule',
  'howdah.inbound_hooks.written_by_execution_id': 'as that of schedules',
  'howdah.executions.compensates_execution_id': 'none points at executions; made by the engine',
  'howdah.executions.contents_key_id': 'held as it is written; a key in use is not deleted',
  'howdah.executions.parent_call_id': 'a call of a message, no row',
  'howdah.steps.call_id': 'a call of a message, no row',
  'howdah.questions.call_id': 'a call of a message, no row',
  'howdah_private.inbox.call_id': 'a call of a message, no row',
  'howdah.questions.execution_id': 'none points at executions; asked under the lock of the run',
  'howdah.feedback_entries.execution_id': 'none points at executions; held as it is written',
  'howdah.questions.root_execution_id': 'none points at executions; copied from the run',
  'howdah.approvals.execution_id': 'none points at executions; copied from the question',
  'howdah_private.inbox.execution_id':
    'none points at executions; written under the lock of the run',
  'howdah_private.run_callbacks.execution_id':
    'none points at executions; written by the insert of the run',
  'howdah.sessions.live_execution_id':
    'none points at executions; changed under the lock, violations',
  'howdah.schedules.last_execution_id': 'none points at executions; a run that is gone is not live',
  'howdah.steps.execution_id': 'none points at executions; written under the lock of the run',
  'howdah.steps.model_id': 'the log names what its version pinned',
  'howdah.steps.tenant_id': 'copied from the run under its lock',
  'howdah_private.message_log.execution_id':
    'none points at executions; written under the lock of the run',
  'howdah_private.message_log.session_id': 'copied from the run under its lock',
  'howdah_private.message_log.agent_id': 'copied from the run under its lock',
  'howdah_private.message_log.tenant_id': 'copied from the run under its lock',
  'howdah.limits.subject_id':
    'user_id, agent_id, session_id, api_key_id, model_id and tool_id are made of it and carry the keys',
  'howdah.usage_durations.agent_id': 'figures outlive what they are about',
  'howdah.usage_durations.agent_version_id': 'figures outlive what they are about',
  'howdah.usage_durations.model_id': 'figures outlive what they are about',
  'howdah.usage_durations.workflow_id': 'figures outlive what they are about',
  'howdah.usage_totals.agent_id': 'figures outlive what they are about',
  'howdah.usage_totals.agent_version_id': 'figures outlive what they are about',
  'howdah.usage_totals.session_id': 'figures outlive what they are about',
  'howdah.usage_totals.model_id': 'figures outlive what they are about',
  'howdah.usage_totals.user_id': 'figures outlive what they are about',
  'howdah.usage_totals.workflow_id': 'figures outlive what they are about',
  'howdah_private.usage_events.agent_id': 'copied from the run by the trigger that ends it',
  'howdah_private.usage_events.agent_version_id': 'copied from the run by the trigger that ends it',
  'howdah_private.usage_events.execution_id': 'copied from the run by the trigger that ends it',
  'howdah_private.usage_events.tenant_id': 'copied from the run by the trigger that ends it',
  'howdah_private.usage_events.workflow_id': 'copied from the run by the trigger that ends it',
  'howdah_private.closed_months.first_id': 'a bound, no reference',
  'howdah_private.closed_months.next_id': 'a bound, no reference',
  'howdah.mail.to_execution_id': 'none points at executions; checked by the insert trigger',
  'howdah.mail.from_execution_id': 'none points at executions; the run whose tool inserts it',
  'howdah.mail.root_execution_id': 'none points at executions; copied from the run that sends',
  'howdah.mail.received_by_execution_id': 'none points at executions; written as that run receives',
  'howdah.mail.received_call_id': 'a call of a message, no row',
  'howdah.mail.thread_id': 'names a conversation, whose first message may be gone',
  'howdah.board_entries.root_execution_id': 'none points at executions; of the run that writes',
  'howdah.board_entries.written_by_execution_id': 'none points at executions; the run that writes',
  'howdah_private.receivers.execution_id': 'none points at executions; a row is over with its time',
  'howdah.integrations.client_id': 'a client of an authorization server, no row',
  'howdah_private.receivers.call_id': 'a call of a message, no row',
  'howdah.resources.execution_id': 'none points at executions; checked by the insert trigger',
  'howdah_private.ended_runs.execution_id': 'none points at executions; written as the run ends',
  'howdah_private.due_answers.execution_id': 'none points at executions; dropped when it is due',
  'howdah_private.due_answers.table_trigger_id':
    'that of the watched row; an answer of a deleted watch is dropped when it is due',
  'howdah_private.runs_without_worker.execution_id':
    'none points at executions; deleted once the run is no longer queued',
  'howdah_private.idempotency_keys.execution_id': 'none points at executions',
  'howdah_private.parked_runs.execution_id':
    'none points at executions; a row whose run no longer waits is dropped',
  'howdah_private.limited_calls.limit_id':
    'a limit that may be edited by somebody who takes long; what it is about is forgotten in minutes',
  'howdah_private.limited_calls.execution_id':
    'references to executions have none; forgotten in minutes',
  'howdah_private.limited_calls.document_id': 'a document may be deleted during its call',
  'howdah_private.limited_calls.call_id': 'a call, which has no row of its own',
  'howdah_private.parked_runs.limit_id':
    'runs that waited at a deleted limit go on, when the job that admits finds them here',
  'howdah_private.parked_runs.subject_id': 'of many tables; whose counter it waits for',
  'howdah_private.limit_counters.limit_id':
    'commits write them and wait for nobody who deletes a limit; what is left over is removed',
  'howdah_private.limit_counters.subject_id': 'of many tables; written as limit_id is',
  'howdah_private.limit_locks.lock_id': 'a tenant or a limit, also one that is deleted',
  'howdah_private.queue_sweep.execution_id': 'how far a search has come, no reference',
  'howdah_private.queue_sweep.tenant_id': 'how far a search has come, no reference',
  'howdah_private.run_heads.execution_id': 'none points at executions; written with its run',
  'howdah_private.run_heads.tenant_id': 'a copy from its run; a key would cost each claim',
  'howdah_private.run_heads.session_id': 'a copy from its run',
  'howdah_private.run_heads.agent_id': 'a copy from its run',
  'howdah_private.run_heads.workflow_id': 'a copy from its run',
  'howdah_private.run_memories.execution_id': 'none points at executions; deleted with the run',
  'howdah_private.memory_extractions.execution_id':
    'none points at executions; deleted with the run',
  'howdah_private.memory_extractions.source_execution_id': 'none points at executions',
  'howdah_private.memory_extractions.agent_id': 'copied from the run that was read',
  'howdah_private.memory_extractions.session_id': 'copied from the run that was read',
  'howdah_private.run_tags.execution_id': 'none points at executions; kept by its triggers',
  'howdah_private.run_tags.tenant_id': 'that of the run; a key would cost each value a lookup',
  'howdah_private.searched_bases.knowledge_base_id': 'the base may be deleted; runs keep searches',
  'howdah_private.suspects.execution_id':
    'none points at executions; dropped when the run has ended',
  'howdah_private.watchers.execution_id': 'none points at executions',
  'howdah_private.workers.parent_id': 'a worker that may be gone, which is what is asked',
  'howdah.audit_log.tenant_id': 'what happened outlives the tenant',
  'howdah.audit_log.user_id': 'what happened outlives the user',
  'howdah.audit_log.api_key_id': 'what happened outlives the key',
  'howdah.audit_log.object_id': 'of many tables; what happened outlives the row',
  'howdah_private.audit_inbox.tenant_id': 'becomes audit_log.tenant_id at commit',
  'howdah_private.audit_inbox.user_id': 'becomes audit_log.user_id at commit',
  'howdah_private.audit_inbox.api_key_id': 'becomes audit_log.api_key_id at commit',
  'howdah_private.audit_inbox.object_id': 'becomes audit_log.object_id at commit',
  'howdah_private.audit_heads.tenant_id': 'the end of a log that outlives the tenant',
  'howdah_private.audit_checkpoints.tenant_id': 'about a log that outlives the tenant',
};

/**
 * Tables in which nothing is defined, and what records their writer. All other tables are audited
 * (sql/30_triggers/audit.sql).
 */
const NOT_AUDITED: Record<string, string> = {
  'howdah.agent_system_versions': 'immutable; made by an apply that is audited',
  'howdah.agent_versions': 'immutable, with created_by; made by an edit that is audited',
  'howdah.audit_log': 'the log itself',
  'howdah.board_entries': 'what runs share; says who wrote it',
  'howdah.chunks': 'made of documents, by workers',
  'howdah.citations': 'written with the answers of runs',
  'howdah.connected_accounts': 'connect_account and disconnect_account audit what people do',
  'howdah.evaluation_results': 'written by workers, and with the evaluation, which has created_by',
  'howdah.evaluations': 'immutable but for its totals, with created_by; cancelled runs are audited',
  'howdah.executions': 'the hot path; created_by, and controls are audited where they are made',
  'howdah.feedback_entries': 'said by give_feedback, which audits it',
  'howdah.grades': 'written by grade, which audits it',
  'howdah.inbound_deliveries': 'requests to hooks, and their results; hooks are audited',
  'howdah.model_tests': 'results of workers, with created_by',
  'howdah.prompt_versions': 'immutable, with created_by; made by an edit that is audited',
  'howdah.questions': 'asked by runs; answers are audited where they are given',
  'howdah.search_results': 'what searches have found',
  'howdah.searches': 'what runs and people search, written once',
  'howdah.skill_versions': 'immutable, with created_by; made by an edit that is audited',
  'howdah.status_transitions': 'rows of the schema itself',
  'howdah.steps': 'the log of a run: immutable',
  'howdah.usage_durations': 'figures of runs',
  'howdah.usage_totals': 'figures of runs',
  'howdah.watched_rows': 'beside each run of a watched table: the hot path',
  'howdah.webhook_deliveries': 'what webhooks were told, and when; they themselves are audited',
  'howdah.workflow_versions': 'immutable, with created_by; made by an edit that is audited',
};

/** Statements without a row in the audit log, and what records their writer. */
const WRITTEN_UNAUDITED: Record<string, string> = {
  'howdah.dataset_items insert': 'the item has created_by, and is never changed',
  'howdah.documents insert': 'the document has created_by and a digest of its content',
  'howdah.executions insert': 'the hot path: the run has created_by',
  'howdah.mail insert': 'the message has created_by',
  'howdah.memories insert': 'the memory has created_by and a digest of its content',
  'howdah.resources insert': 'the file has created_by and a hash of its bytes',
};

describe('conventions', () => {
  const db = testDatabase();

  /** Runs a query with an empty search_path, so that all names are printed with their schema. */
  const ask = (text: string, values: unknown[] = []) =>
    rolledBack(db.pool, async (client) => {
      await client.query(`set local search_path = ''`);
      return all(client, text, values);
    });
  const names = async (text: string, values: unknown[] = []): Promise<string[]> =>
    (await ask(text, values)).map((row) => row.name).sort();

  describe('tables', () => {
    test('have row-level security enabled and forced, including partitions', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p')
             and not (c.relrowsecurity and c.relforcerowsecurity) order by 1`,
        ),
      ).toEqual(FOREIGN_TABLES);
    });

    test('have the policies engine and operator, and tenant where public', async () => {
      const rows = await ask(
        `select c.oid::regclass::text as name, n.nspname as schema, coalesce(array_agg(p.policyname || ' '
             || p.cmd || ' ' || p.permissive || ' ' || (select string_agg(r::text, ',' order by r) from unnest(p.roles) as r) || ' '
             || (p.qual is not null and p.with_check is null)::text order by p.policyname)
             filter (where p.policyname is not null), '{}') as policies
         from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
         left join pg_policies as p on p.schemaname = n.nspname and p.tablename = c.relname
         where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
         group by c.oid, n.nspname order by 1`,
      );
      const documented = [
        'engine ALL PERMISSIVE howdah_engine true',
        'operator ALL PERMISSIVE howdah_owner true',
      ];
      const erasable =
        /\.(agent_versions|workflow_versions|prompt_versions|skill_versions|executions|message_log|steps|questions|feedback_entries|webhook_deliveries|inbox)$/;
      expect(rows.length).toBeGreaterThan(60);
      for (const { name, schema, policies } of rows) {
        expect({ name, policies }).toEqual({
          name,
          policies: FOREIGN_TABLES.includes(name)
            ? []
            : schema === 'howdah' || READ_BY_TENANTS.includes(name)
              ? [
                  ...documented,
                  ...(erasable.test(name) ? ['eraser ALL PERMISSIVE howdah_eraser true'] : []),
                  ...(/\.(executions|agents|workflows)$/.test(name)
                    ? ['inserter ALL PERMISSIVE howdah_inserter true']
                    : []),
                  'tenant ALL PERMISSIVE howdah_app,howdah_viewer true',
                ].sort()
              : [
                  ...documented,
                  ...(erasable.test(name) ? ['eraser ALL PERMISSIVE howdah_eraser true'] : []),
                ].sort(),
        });
      }
    });

    test('evaluate the current tenant once per statement, not per row', async () => {
      const quals = await ask(
        `select c.relname, regexp_replace(p.qual, '\\s+', ' ', 'g') as qual, exists (
           select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'tenant_id'
         ) as has_tenant
         from pg_policies as p join pg_class as c
           on c.relname = p.tablename and c.relnamespace = 'howdah'::regnamespace
         where p.schemaname = 'howdah' and p.policyname = 'tenant'`,
      );
      // Removes the parentheses around `a and b`.
      const outer = (qual: string) => (/ AND /.test(qual) ? qual.slice(1) : qual);
      expect(quals.length).toBeGreaterThan(40);
      for (const { relname, qual, has_tenant } of quals) {
        const column = relname === 'tenants' ? 'id' : 'tenant_id';
        const tenant = `(${column} = ( SELECT howdah.current_tenant() AS current_tenant))`;
        const first = has_tenant || relname === 'tenants' ? tenant : 'true';
        const rest = outer(qual).slice(first.length);
        expect({ relname, qual }).toMatchObject({ qual: expect.stringContaining(first) });
        expect(outer(qual).startsWith(first)).toBe(true);
        // The functions of hidden agents and permissions must be sub-selects too, so that they run
        // once per query. Only sees_run, which asks for the run of a row, may run for each row.
        const perRow = rest
          .replaceAll(/\( SELECT howdah_private\.(hidden_agents|may)\(/g, '')
          .replaceAll(/howdah_private\.sees_run\((root_)?execution_id,/g, '');
        expect(perRow).not.toContain('howdah_private');
        // A subquery on partitions would be planned with every query.
        expect({ relname, qual }).not.toMatchObject({
          qual: expect.stringMatching(/FROM (howdah\.)?(executions|steps|message_log)\b/),
        });
      }
    });

    test('keep their policies when sql/40_policies is applied again', async () => {
      const policies = replaceableFiles().filter(({ path }) => path.includes('40_policies'));
      expect(policies).not.toEqual([]);
      const oids = 'select array_agg(oid order by oid) as oids from pg_policy';
      await rolledBack(db.pool, async (client) => {
        await client.query('set local role howdah_owner');
        const before = await one(client, oids);
        for (const { text } of policies) {
          await client.query(text);
        }
        expect(await one(client, oids)).toEqual(before);
      });
    });

    test('belong to howdah_owner', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v', 'S')
             and c.relowner <> 'howdah_owner'::regrole`,
        ),
      ).toEqual([]);
    });

    test('are audited for each kind of write granted to the application', async () => {
      const found = await ask(
        `select c.oid::regclass::text as name, array(
           select substr(t.tgname, 12) from pg_trigger as t
           where t.tgrelid = c.oid and t.tgname ~ '^_9[56]0_audit_' order by 1
         ) as audited, array_remove(array[
           case when has_table_privilege('howdah_app', c.oid, 'delete') then 'delete' end,
           case when has_any_column_privilege('howdah_app', c.oid, 'insert') then 'insert' end,
           case when has_any_column_privilege('howdah_app', c.oid, 'update') then 'update' end], null) as written
         from pg_class as c
         where c.relkind in ('r', 'p') and not c.relispartition and (
           c.relnamespace = 'howdah'::regnamespace
           or c.relnamespace in ${OURS} and (has_any_column_privilege('howdah_app', c.oid, 'INSERT, UPDATE')
             or has_table_privilege('howdah_app', c.oid, 'DELETE'))
         ) order by 1`,
      );
      expect(found.filter(({ audited }) => audited.length === 0).map(({ name }) => name)).toEqual(
        Object.keys(NOT_AUDITED),
      );
      const ways = ['delete', 'insert', 'update'];
      const open = found.flatMap(({ name, audited, written }) =>
        (audited.length > 0 ? ways : written)
          .filter((way: string) => !audited.includes(way))
          .map((way: string) => `${name} ${way}`),
      );
      expect(open).toEqual(Object.keys(WRITTEN_UNAUDITED));
    });

    test('have a primary key', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not exists (
             select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'p')`,
        ),
      ).toEqual([]);
    });

    test('have a tenant_id if public, except those that concern all tenants', async () => {
      expect(
        await names(
          `select c.relname as name from pg_class as c
           where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not exists (
             select from pg_attribute as a
             where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull)
           order by 1`,
        ),
      ).toEqual(['status_transitions', 'tenants']);
    });
  });

  describe('views', () => {
    test('run with the rights of the caller', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
           where c.relnamespace in ${OURS} and c.relkind = 'v'
             and not coalesce('security_invoker=true' = any (c.reloptions), false)`,
        ),
      ).toEqual([]);
    });

    test('are never materialized', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
           where c.relnamespace in ${OURS} and c.relkind = 'm'`,
        ),
      ).toEqual([]);
    });
  });

  describe('functions', () => {
    test('pin a search_path with pg_temp last, except parsed bodies and procedures that commit', async () => {
      expect(
        await names(
          `select p.oid::regprocedure::text as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.prosqlbody is null
             and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)`,
        ),
      ).toEqual(PROCEDURES_THAT_COMMIT);
    });

    test('belong to howdah_engine if they have more rights than their caller', async () => {
      expect(
        await names(
          `select p.oid::regprocedure::text as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.prosecdef and p.proowner <> 'howdah_engine'::regrole order by 1`,
        ),
      ).toEqual(
        [...DEFINERS_OF_THE_ERASER, ...DEFINERS_OF_THE_OWNER, ...DEFINERS_OF_THE_TOOLS].sort(),
      );
      expect(
        await names(
          `select p.oid::regprocedure::text as name from pg_proc as p
           where p.pronamespace in ${OURS}
             and p.proowner not in ('howdah_engine'::regrole, 'howdah_owner'::regrole) order by 1`,
        ),
      ).toEqual([...DEFINERS_OF_THE_ERASER, ...DEFINERS_OF_THE_TOOLS].sort());
    });

    test('are not executable by public', async () => {
      expect(
        await names(
          `select p.oid::regprocedure::text as name from pg_proc as p
           cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
           where p.pronamespace in ${OURS} and a.grantee = 0`,
        ),
      ).toEqual([]);
    });

    test('are parallel safe and stable if they determine the tenant', async () => {
      expect(
        await names(
          `select p.proname as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.proparallel = 's' and p.provolatile = 's' order by 1`,
        ),
      ).toEqual([
        'binding_seal',
        'bound_role',
        'caller_grants',
        'can_act_for',
        'current_scopes',
        'current_tenant',
        'current_user_id',
        'current_user_role',
        'hidden_agents',
        'is_bound',
        'is_operator',
        'is_trusted',
        'may',
        'verified_binding',
      ]);
    });

    test('run no dynamic SQL, except those listed', async () => {
      expect(
        await names(
          `select p.oid::regprocedure::text as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.prosrc ~* '\\mexecute\\M' order by 1 desc`,
        ),
      ).toEqual(Object.keys(DYNAMIC_SQL).sort());
    });

    test('of column defaults have a parsed, inlinable body, except those listed', async () => {
      expect(
        await names(
          `select distinct p.oid::regprocedure::text as name
           from pg_depend as d join pg_proc as p on p.oid = d.refobjid
           where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_proc'::regclass
             and p.pronamespace in ${OURS} and p.prosqlbody is null`,
        ),
      ).toEqual(Object.keys(DEFAULTS_NOT_INLINED));
    });

    test('with parsed bodies use no function of another file in their folder', async () => {
      const folders = new Map<string, string>();
      const files = new Map<string, string[]>();
      for (const { path, text } of replaceableFiles()) {
        const folder = /^sql.(05_identity|10_private|20_public)\b/.exec(path)?.[1];
        if (!folder) continue;
        for (const [, name = ''] of text.matchAll(
          /create or replace (?:function|procedure) ([\w.]+)/g,
        )) {
          folders.set(name, folder);
          files.set(name, [...(files.get(name) ?? []), path]);
        }
      }
      const uses = await ask(
        `select distinct p.pronamespace::regnamespace || '.' || p.proname as user,
           u.pronamespace::regnamespace || '.' || u.proname as used
         from pg_depend as d
         join pg_proc as p on p.oid = d.objid and d.classid = 'pg_proc'::regclass
         join pg_proc as u on u.oid = d.refobjid and d.refclassid = 'pg_proc'::regclass
         where p.pronamespace in ${OURS} and u.pronamespace in ${OURS} and p.prosqlbody is not null`,
      );
      expect(uses).toContainEqual({
        user: 'howdah_private.exhausted_limit',
        used: 'howdah_private.ancestor_limit_reached',
      });
      const apart = uses.filter(
        ({ user, used }) =>
          folders.has(user) &&
          folders.get(user) === folders.get(used) &&
          !files.get(used)?.some((path) => files.get(user)?.includes(path)),
      );
      expect(apart).toEqual([]);
    });

    test('of one name come from one file, like triggers of one name and table', () => {
      const makers = new Map<string, string[]>();
      for (const file of replaceableFiles()) {
        for (const name of new Set(namesMadeBy(file))) {
          makers.set(name, [...(makers.get(name) ?? []), file.path]);
        }
      }
      expect(makers.get('_900_enqueue on howdah.executions')).toEqual([
        'sql/30_triggers/executions.sql',
      ]);
      expect([...makers].filter(([, paths]) => paths.length > 1)).toEqual([]);
    });

    test('are made by a file under their name, or an upgrade would drop those that loops make', async () => {
      const made = new Set(replaceableFiles().flatMap(namesMadeBy));
      const found = await names(
        `select distinct p.pronamespace::regnamespace || '.' || p.proname as name from pg_proc as p
         where p.pronamespace in ${OURS} and p.prorettype <> 'trigger'::regtype`,
      );
      expect(found.length).toBeGreaterThan(1000);
      expect(found.filter((name) => !made.has(name))).toEqual(MADE_BY_MIGRATIONS);
    });

    test('that forbid a plan forbid JIT too: the penalty of a plan is above its threshold', async () => {
      const settings = await ask(
        `select p.oid::regprocedure::text as name, p.proconfig as config from pg_proc as p
         where p.pronamespace in ${OURS} and exists (
           select from unnest(p.proconfig) as c where c ~ '^enable_\\w+=off$')`,
      );
      expect(settings.length).toBeGreaterThan(20);
      const compiled = settings.filter(({ config }) => !config.includes('jit=off'));
      expect(compiled).toEqual([]);
    });

    test('build no jsonb with aggregates that are quadratic in the size of a value', async () => {
      // jsonb_agg and jsonb_object_agg measure the rest of a value for each of its texts: seconds
      // for a document of 1 MB with many keys, during which nobody else is served.
      const quadratic = String.raw`\mjsonb_(object_)?agg(_\w+)?\(`;
      const found = await ask(
        `select p.oid::regprocedure::text as name from pg_proc as p
         where p.pronamespace in ${OURS} and p.prokind <> 'a'
           and pg_get_functiondef(p.oid) ~ $$${quadratic}$$
         union all
         select c.oid::regclass::text from pg_class as c
         where c.relnamespace in ${OURS} and c.relkind in ('v', 'm')
           and pg_get_viewdef(c.oid) ~ $$${quadratic}$$`,
      );
      expect(found).toEqual([]);
    });

    test('stay within their line budget', async () => {
      const long = await ask(
        `select p.oid::regprocedure::text as name,
           cardinality(string_to_array(trim(both E'\\n' from p.prosrc), E'\\n')) as lines
         from pg_proc as p where p.pronamespace in ${OURS}
           and cardinality(string_to_array(trim(both E'\\n' from p.prosrc), E'\\n')) > 60
         order by 1`,
      );
      const tooLong = long
        .filter(({ name, lines }) => lines > (LONG_BODIES[name] ?? 60))
        .map(
          ({ name, lines }) => `${name} has ${lines} lines, more than ${LONG_BODIES[name] ?? 60}`,
        );
      expect(tooLong, 'divide these functions, or give the reason in LONG_BODIES').toEqual([]);
      expect(Object.keys(LONG_BODIES)).toEqual(expect.arrayContaining(long.map((row) => row.name)));
    });

    test('of each insert of a run are stored in the row of their function', async () => {
      expect(
        await names(
          `select distinct p.oid::regprocedure::text as name from pg_trigger as t
           join pg_proc as p on p.oid = t.tgfoid
           where t.tgrelid = 'howdah.executions'::regclass and not t.tgisinternal
             and t.tgtype & 4 = 4 -- for insert
             and pg_column_size(p.*) > 2032 -- TOAST_TUPLE_THRESHOLD`,
        ),
        'a new connection opens another table for a longer body: shorten it',
      ).toEqual([]);
    });

    test('have lines of at most 100 columns, except long JSON strings', () => {
      const wide = replaceableFiles()
        // generated
        .filter(({ path }) => !/(agent_system_schema|model_catalog_document)\.sql$/.test(path))
        .flatMap(({ path, text }) =>
          text.split('\n').flatMap((line, index) => {
            const isString = /^ *"[a-z]+": ".*"$/.test(line);
            return line.length > 100 && !isString ? [`${path}:${index + 1}`] : [];
          }),
        );
      expect(wide).toEqual([]);
    });

    test('take only advisory locks listed in the lock order', () => {
      const order = readFileSync(new URL('../../sql/README.md', import.meta.url), 'utf8');
      const texts = [
        ...replaceableFiles().map(({ text }) => text),
        ...['schema/migrate', 'retention/drop-months'].map((name) =>
          readFileSync(new URL(`../../src/db/${name}.ts`, import.meta.url), 'utf8'),
        ),
      ];
      const names = texts.flatMap((text) =>
        [...text.matchAll(/hashtextextended\(\s*'(howdah\.\w+)/g)].map(([, name]) => name),
      );
      expect(names.length).toBeGreaterThan(10);
      expect(names.filter((name) => !order.includes(`\`${name}\``))).toEqual([]);
    });

    test('state their volatility in the source file', () => {
      const silent = replaceableFiles().flatMap(({ path, text }) =>
        [...text.matchAll(/create or replace function ([\w.]+)[\s\S]*?\bas\s+[$']/g)]
          .filter(([head]) => !/\b(immutable|stable|volatile)\b/.test(head))
          .map(([, name]) => `${path}: ${name}`),
      );
      expect(silent).toEqual([]);
    });

    test('compile once everything exists, and refer only to existing objects', async () => {
      await rolledBack(db.pool, async (client) => {
        await client.query('set local check_function_bodies = on; set local role howdah_owner');
        await client.query('set local client_min_messages = warning');
        const faults: string[] = [];
        for (const { path, text } of replaceableFiles()) {
          await client.query('savepoint before');
          await client.query(text).catch(async (error: Error) => {
            faults.push(`${path}: ${error.message}`);
            await client.query('rollback to before');
          });
        }
        expect(faults).toEqual([]);
      });
    });
  });

  describe('foreign keys', () => {
    test('between tenant tables include tenant_id', async () => {
      expect(
        await names(
          `select k.conrelid::regclass || ' ' || pg_get_constraintdef(k.oid) as name
           from pg_constraint as k
           join pg_attribute as a on a.attrelid = k.conrelid and a.attname = 'tenant_id'
           join pg_attribute as f on f.attrelid = k.confrelid and f.attname = 'tenant_id'
           where k.contype = 'f' and k.connamespace in ${OURS} and not (
             array_position(k.conkey, a.attnum) is not null
             and k.confkey[array_position(k.conkey, a.attnum)] = f.attnum)`,
        ),
      ).toEqual([]);
    });

    test('state their delete action and never null tenant_id', async () => {
      expect(
        await names(
          `select k.conrelid::regclass || ' ' || pg_get_constraintdef(k.oid) as name
           from pg_constraint as k
           where k.contype = 'f' and k.connamespace in ${OURS} and (
             k.confdeltype = 'a'
             or (k.confdeltype = 'n' and cardinality(k.conkey) > 1 and (
               k.confdelsetcols is null or exists (
                 select from pg_attribute as a where a.attrelid = k.conrelid
                   and a.attnum = any (k.confdelsetcols) and a.attname = 'tenant_id'))))`,
        ),
      ).toEqual([]);
    });

    test('have an index that starts with their columns', async () => {
      expect(
        await names(
          `select k.conrelid::regclass || ' '
             || substring(pg_get_constraintdef(k.oid) from '^FOREIGN KEY (\\(.*\\)) REFERENCES') as name
           from pg_constraint as k
           where k.contype = 'f' and k.connamespace in ${OURS} and k.conparentid = 0 and not exists (
             select from pg_index as i
             where i.indrelid = k.conrelid and i.indisvalid
               and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)`,
        ),
      ).toEqual(Object.keys(UNINDEXED_KEYS).sort());
    });

    test('never reference executions, steps or messages', async () => {
      expect(
        await names(
          `select k.conrelid::regclass || ' ' || k.conname as name from pg_constraint as k
           where k.contype = 'f' and k.confrelid in
             ('howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)`,
        ),
      ).toEqual([]);
    });

    test('exist for every reference column, except those listed', async () => {
      expect(
        (
          await names(
            `select a.attrelid::regclass || '.' || a.attname as name
             from pg_attribute as a join pg_class as c on c.oid = a.attrelid
             where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
               and a.attname ~ '_id$' and a.attname not in ('tool_call_id', 'pool_id')
               and not a.attisdropped and not exists (
                 select from pg_constraint as k
                 where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey))
               and not (a.attname = 'execution_id' and exists (
                 select from howdah_private.table_rules() as r
                 join howdah_private.written_columns() as w on w.object = r.object
                 where r.object = c.relname and r.anchor = 'run' and 'erasure' <> all (r.by_hand)
                   and 'execution_id' = any (w.columns || w.first)))`,
          )
        ).sort(),
        'add a foreign key, or say in NO_FOREIGN_KEY what keeps the reference valid; rows about a run have the anchor run: sql/README.md, "A table"',
      ).toEqual(Object.keys(NO_FOREIGN_KEY).sort());
    });
  });

  describe('comments', () => {
    test('exist on every table and view', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v') and not c.relispartition
             and obj_description(c.oid, 'pg_class') is null order by 1`,
        ),
      ).toEqual(FOREIGN_TABLES);
    });

    test('exist on every public column: on the column, or by name in sql/62_column_comments.sql', async () => {
      expect(
        await names(
          `select c.oid::regclass || '.' || a.attname as name
           from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
             and col_description(c.oid, a.attnum) is null order by 1`,
        ),
      ).toEqual([]);
    });

    test('exist on every public function, enum and domain', async () => {
      expect(
        await names(
          `select p.oid::regprocedure::text as name from pg_proc as p
           where p.pronamespace = 'howdah'::regnamespace and obj_description(p.oid, 'pg_proc') is null
           union all
           select t.oid::regtype::text from pg_type as t
           where t.typnamespace = 'howdah'::regnamespace and t.typtype in ('e', 'd')
             and obj_description(t.oid, 'pg_type') is null`,
        ),
      ).toEqual([]);
    });

    test('are sentences', async () => {
      expect(
        await names(
          `select d.description as name from pg_description as d
           left join pg_class as c on c.oid = d.objoid
           left join pg_proc as p on p.oid = d.objoid
           where coalesce(c.relnamespace, p.pronamespace) in ${OURS}
             and d.description !~ '(\\.|…|\\}.\\.)$' and d.description !~ E'@[a-zA-Z]+[^\\n]*$'
             and d.description !~ '[.;:] ?[^.]*$'`,
        ),
      ).toEqual([]);
    });
  });

  describe('columns', () => {
    test('of type jsonb constrain their JSON type', async () => {
      expect(
        (
          await names(
            `select a.attrelid::regclass || '.' || a.attname as name
             from pg_attribute as a join pg_class as c on c.oid = a.attrelid
             where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
               and a.atttypid = 'jsonb'::regtype and not a.attisdropped and not exists (
                 select from pg_constraint as k
                 where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey)
                   and pg_get_constraintdef(k.oid) ~ ('jsonb_typeof\\(' || a.attname || '\\)'))`,
          )
        ).sort(),
      ).toEqual(Object.keys(ANY_JSON).sort());
    });

    test('of time types have a time zone and are named _at', async () => {
      expect(
        await names(
          `select a.attrelid::regclass || '.' || a.attname as name
           from pg_attribute as a join pg_class as c on c.oid = a.attrelid
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
             and a.atttypid in ('timestamp'::regtype, 'date'::regtype, 'time'::regtype)
             and c.oid::regclass::text <> all ($1)
           order by (a.attrelid::regclass || '.' || a.attname) collate "C"`,
          [FOREIGN_TABLES],
        ),
      ).toEqual(Object.keys(DAYS).sort());
      expect(
        await names(
          `select a.attrelid::regclass || '.' || a.attname as name
           from pg_attribute as a join pg_class as c on c.oid = a.attrelid
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
             and a.atttypid = 'timestamptz'::regtype and a.attname !~ '_at$'`,
        ),
      ).toEqual(Object.keys(OTHER_TIMES).sort());
    });

    test('named id default to a UUID v7', async () => {
      expect(
        await names(
          `select c.oid::regclass::text as name
           from pg_attribute as a join pg_class as c on c.oid = a.attrelid
           left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
             and a.attname = 'id' and pg_get_expr(d.adbin, d.adrelid) is distinct from 'howdah.uuid_v7()'
             and c.oid::regclass::text <> all ($1)
           order by 1`,
          [FOREIGN_TABLES],
        ),
      ).toEqual(Object.keys(IDS_WITHOUT_DEFAULT).sort());
    });

    test('are never char, varchar, money, json or serial', async () => {
      expect(
        await names(
          `select a.attrelid::regclass || '.' || a.attname as name
           from pg_attribute as a join pg_class as c on c.oid = a.attrelid
           left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
           where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and a.attnum > 0
             and (a.atttypid in ('bpchar'::regtype, 'varchar'::regtype, 'money'::regtype, 'json'::regtype)
               or pg_get_expr(d.adbin, d.adrelid) like 'nextval%')
             and c.oid::regclass::text <> all ($1)`,
          [FOREIGN_TABLES],
        ),
      ).toEqual([]);
    });
  });

  describe('names', () => {
    test('of check constraints read as a sentence and are not generated by Postgres', async () => {
      expect(
        await names(
          `select coalesce(k.conrelid::regclass::text, k.contypid::regtype::text) || ' ' || k.conname as name
           from pg_constraint as k
           where k.contype = 'c' and k.connamespace in ${OURS} and k.conparentid = 0
             and (k.conname ~ '_check[0-9]*$' or k.conname !~ '(^|_)(is|are|has|have|say|counts|fits|fit|be|name|exist)(_|$)')`,
        ),
      ).toEqual([]);
    });

    test('of triggers start with their order number', async () => {
      expect(
        await names(
          `select t.tgrelid::regclass || ' ' || t.tgname as name from pg_trigger as t
           join pg_class as c on c.oid = t.tgrelid
           where c.relnamespace in ${OURS} and not t.tgisinternal
             and t.tgname !~ '^_[0-9]{3}_[a-z]+(_[a-z]+)*$'
             and t.tgname <> '000_check_references' -- before those of foreign keys`,
        ),
      ).toEqual([]);
    });

    test('of checks have one of the forms check_x, x_fault and raise_x, and booleans can_x', async () => {
      const KEPT = [
        'howdah.reject', // people reject a call
        'howdah.reject_memory', // people reject a proposal
        'howdah_private.last_finish_reason', // the finish_reason of a model
        'howdah_private.may', // processes of 0.1.0 call it
        'howdah_private.permit', // processes of 0.1.0 call it
      ];
      const OTHERS =
        '^(refuse|reject|deny|forbid|permit|allow|may)(_|$)|_(refusal|rejection|reason)s?$';
      expect(
        await names(
          `select p.oid::regproc::text as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.prorettype <> 'trigger'::regtype and p.proname ~ $1
           order by 1`,
          [OTHERS],
        ),
      ).toEqual(KEPT);
      expect(
        await names(
          `select p.oid::regproc::text as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.proname ~ '_faults?$'
             and p.proname !~ '^raise_' and p.prorettype in ('void'::regtype, 'boolean'::regtype)`,
        ),
      ).toEqual([]);
    });

    test('of trigger functions state their table and their action', async () => {
      expect(
        await names(
          `select distinct t.tgfoid::regproc::text as name from pg_trigger as t
           join pg_class as c on c.oid = t.tgrelid
           join pg_proc as p on p.oid = t.tgfoid
           where c.relnamespace in ${OURS} and not t.tgisinternal
             and p.proname !~ '^tg_([a-z]+(_[a-z]+)*_)?_[a-z]+(_[a-z]+)*$'`,
        ),
      ).toEqual([]);
      expect(
        await names(
          `select p.proname as name from pg_proc as p
           where p.pronamespace in ${OURS} and p.prorettype = 'trigger'::regtype
             and (p.pronamespace <> 'howdah_private'::regnamespace or not exists (
               select from pg_trigger as t where t.tgfoid = p.oid))`,
        ),
        // on partitions of closed months and on tables of users
      ).toEqual(['tg__refuse_closed', 'tg__watch', 'tg__watch_knowledge']);
    });
  });

  describe('rights', () => {
    const ROLES = [
      'howdah_analyst',
      'howdah_app',
      'howdah_authenticator',
      'howdah_engine',
      'howdah_eraser',
      'howdah_inserter',
      'howdah_owner',
      'howdah_reader',
      'howdah_tool',
      'howdah_viewer',
      'howdah_worker',
      'howdah_writer',
    ];

    test('of our roles never include superuser, bypassrls or login', async () => {
      expect(
        await ask(
          `select rolname as name, rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb
             or rolreplication as is_mighty, rolinherit as inherits
           from pg_roles where rolname = any ($1) order by 1`,
          [ROLES],
        ),
      ).toEqual(
        ROLES.map((name) => ({
          name,
          is_mighty: false,
          inherits: !['howdah_authenticator', 'howdah_worker'].includes(name),
        })),
      );
    });

    test('to truncate, reference or add triggers are granted to no role', async () => {
      expect(
        await names(
          `select c.oid::regclass || ' ' || a.grantee::regrole || ' ' || a.privilege_type as name
           from pg_class as c cross join lateral aclexplode(c.relacl) as a
           where c.relnamespace in ${OURS} and a.grantee <> c.relowner
             and a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')`,
        ),
      ).toEqual([]);
    });

    test('on tables and schemas are granted only to our roles', async () => {
      expect(
        await names(
          `select c.oid::regclass || ' ' || coalesce(r.rolname, 'public') as name
           from pg_class as c cross join lateral aclexplode(c.relacl) as a
           left join pg_roles as r on r.oid = a.grantee
           where c.relnamespace in ${OURS}
             and coalesce(r.rolname, 'public') <> all ($1) and a.grantee <> c.relowner
           union all
           select n.nspname || ' ' || coalesce(r.rolname, 'public')
           from pg_namespace as n cross join lateral aclexplode(n.nspacl) as a
           left join pg_roles as r on r.oid = a.grantee
           where n.oid in ${OURS} and coalesce(r.rolname, 'public') <> all ($1)`,
          [ROLES],
        ),
      ).toEqual([]);
    });

    test('to insert and update are granted to the application per column', async () => {
      expect(
        await names(
          `select c.oid::regclass || ' ' || a.privilege_type as name
           from pg_class as c cross join lateral aclexplode(c.relacl) as a
           where c.relnamespace in ${OURS} and a.grantee = 'howdah_app'::regrole
             and a.privilege_type in ('INSERT', 'UPDATE')`,
        ),
      ).toEqual([]);
      expect(
        await names(
          `select a.attrelid::regclass || '.' || a.attname || ' ' || x.privilege_type as name
           from pg_attribute as a join pg_class as c on c.oid = a.attrelid
           cross join lateral aclexplode(a.attacl) as x
           where c.relnamespace in ${OURS} and x.grantee = 'howdah_app'::regrole
             and x.privilege_type in ('INSERT', 'UPDATE')
             and a.attname in ('tenant_id', 'created_by', 'created_at', 'updated_at', 'status', 'fence',
               'owner_worker', 'tokens_in', 'tokens_out', 'cost', 'current_version_id',
               'version_is_stale', 'from_environment', 'live_execution_id', 'turn', 'turns', 'max_cost_used')`,
        ),
        // Users set the status of their todos, and set a document to pending.
      ).toEqual([
        'howdah.documents.status UPDATE',
        'howdah.todos.status INSERT',
        'howdah.todos.status UPDATE',
      ]);
    });

    test.each([
      'howdah_analyst',
      'howdah_authenticator',
      'howdah_inserter',
      'howdah_viewer',
      'howdah_worker',
    ])('of %s allow no writes', async (role) => {
      expect(
        await names(
          `select c.oid::regclass::text as name from pg_class as c
             where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and exists (
               select from aclexplode(c.relacl) as a
               where a.grantee = $1::regrole and a.privilege_type <> 'SELECT')`,
          [role],
        ),
      ).toEqual([]);
    });

    test('of the eraser cover contents and versions, and no other table', async () => {
      expect(
        await names(
          `select c.relname || ' ' || string_agg(a.privilege_type, ' ' order by a.privilege_type) as name
           from pg_class as c cross join lateral aclexplode(c.relacl) as a
           where c.relnamespace in ${OURS} and a.grantee = 'howdah_eraser'::regrole
           group by c.relname order by 1`,
        ),
      ).toEqual([
        'agent_versions SELECT UPDATE',
        'executions DELETE SELECT UPDATE',
        'feedback_entries SELECT UPDATE',
        'inbox SELECT UPDATE',
        'message_log DELETE SELECT UPDATE',
        'prompt_versions SELECT UPDATE',
        'questions SELECT UPDATE',
        'skill_versions SELECT UPDATE',
        'steps DELETE SELECT UPDATE',
        'webhook_deliveries SELECT UPDATE',
        'workflow_versions SELECT UPDATE',
      ]);
    });

    test('on private tables belong to the engine alone', async () => {
      expect(
        await names(
          `select distinct c.oid::regclass || ' ' || a.grantee::regrole as name
           from pg_class as c cross join lateral aclexplode(c.relacl) as a
           where c.relnamespace = 'howdah_private'::regnamespace
             and a.grantee not in (c.relowner, 'howdah_engine'::regrole)`,
        ),
        // Encrypts the contents of the inbox and of messages, and erases messages.
      ).toEqual(['howdah_private.inbox howdah_eraser', 'howdah_private.message_log howdah_eraser']);
    });

    test('missing from 90_grants are revoked when it is applied', async () => {
      const grants = replaceableFiles().find(({ path }) => path.endsWith('90_grants.sql'));
      await rolledBack(db.pool, async (client) => {
        const rights = () =>
          all(
            client,
            `select c.oid::regclass::text as name, c.relacl::text, array_agg(x.attacl::text order by x.attnum) as columns
             from pg_class as c join pg_attribute as x on x.attrelid = c.oid
             where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v') and not c.relispartition
             group by c.oid
             union all
             select p.oid::regprocedure::text, p.proacl::text, null from pg_proc as p
             where p.pronamespace in ${OURS}
             order by 1`,
          );
        const sorted = async () =>
          (await rights()).map((row) => ({
            ...row,
            relacl: row.relacl?.replace(/[{}]/g, '').split(',').sort(),
          }));
        await client.query(`set local search_path = ''; set local role howdah_owner`);
        const before = await sorted();
        await client.query(`grant update on howdah.agents to howdah_app;
          grant update (status) on howdah.executions to howdah_app;
          grant insert on howdah.steps to howdah_worker;
          grant select on howdah_private.login_tenants to howdah_authenticator;
          grant execute on function howdah_private.terminate_runs(uuid[], howdah.stop_reason, jsonb) to howdah_app`);
        await client.query(grants?.text ?? '');
        expect(await sorted()).toEqual(before);
      });
    });
  });

  test('hints contain no SQL statements, because the CLI and the API show them too', () => {
    const statement = /'[^'\n]*\b(select \S|insert into|update howdah|delete from)/;
    const hints = replaceableFiles().flatMap(({ path, text }) =>
      [...text.matchAll(/\bhint = ((?:'(?:[^']|'')*'|[^';])+);/g)]
        .filter(([, hint = '']) => statement.test(hint))
        .map(([, hint]) => `${path}: ${hint}`),
    );
    expect(hints).toEqual([]);
  });

  test('the list of messages contains every error, and the hint of every check', async () => {
    const raised = replaceableFiles().flatMap(({ text }) => [
      ...text.matchAll(/^\s*raise (exception|warning)\b/gm),
    ]);
    const { count } = await one<{ count: number }>(
      db.pool,
      `select count(*)::int from pg_constraint as c
       where c.contype = 'c' and c.connamespace = 'howdah'::regnamespace and c.conparentid = 0
         and c.conrelid not in (select p.oid from pg_class as p where p.relispartition)`,
    );
    const [refusals = '', checks = ''] = (await sqlMessages(db.url)).split('\nchecks\n');
    expect(raised.length).toBeGreaterThan(200);
    expect(refusals.match(/^ {2}(?!text )\S/gm)).toHaveLength(raised.length);
    // This error has no message. A dry run raises it to undo its work, and a function that locks a
    // run again raises it to release its first locks. No user sees it.
    expect(new Set(refusals.match(/^ {2}(?!text )\S.*$(?!\n {4}message \S)/gm))).toEqual(
      new Set(['  triggered_action_exception']),
    );
    expect(checks.match(/^ {4}hint {4}\S/gm)).toHaveLength(count);
  });

  test('sql/ERRORS.md lists exactly the SQLSTATEs that are raised', () => {
    const errors = readFileSync(new URL('../../sql/ERRORS.md', import.meta.url), 'utf8');
    const listed = [...errors.matchAll(/^\| `(HW...)` \|.*\| ([^|]*) \|$/gm)];
    const raised = new Set(
      replaceableFiles().flatMap(({ text }) =>
        [...text.matchAll(/'(HW[A-Z]{3})'/g)].map((m) => m[1]),
      ),
    );
    const reserved = ['HWSTL'];
    expect(listed.map((row) => row[1]).sort()).toEqual([...raised, ...reserved].sort());
  });
});
