-- Gives columns a class for people's privacy. Exports are redacted by class, and the export and the
-- erasure of a user find the rows of the user by the columns of class `person`. Numbers, booleans,
-- times, enums and ids of rows have no class. `test/sql/tables/table_rules.test.ts` reports any
-- other column without one. Until it has one, redaction treats it as content.
--
--   content   texts of people and models, and what may contain them: redacted in exports, erased
--             and encrypted with the run or session
--   person    who it was: the id of a user (uuid), a username, or an id as text
--   secret    values that nobody reads: callers may not select them, and no export has them
--   bytes     contents of files, which exports leave out
--   vector    embeddings, which are erased with the text that they are made of
--   none      names, words of a fixed list, keys and digests: kept by redaction
--
-- An entry without a table is for all columns of the name; the entry of a table takes precedence.
create or replace function howdah_private.column_classes()
  returns table (object text, name text, class text)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select c.object, n.name, c.class
  from (values
    (null, 'person',
      'user_id username created_by written_by answered_by decided_by escalate_to caller actor'),
    (null, 'secret', 'hash ciphertext nonce state_digest browser_digest'),
    (null, 'bytes', 'bytes'),
    (null, 'content',
      'annotations answer answer_data callback_url capabilities chat_key client_tools '
      'comment concurrency_key condition configuration content debounce_key '
      'default_answer definition description domain email engine_configuration error event fault '
      'first_limits history idempotency_key input input_data input_hits input_parts instruction '
      'key last_error mapping metadata metrics note options output output_data output_schema '
      'overrides parameters parts payload preview prompt prompt_values question reason reply '
      'request_params resolved row_key sample schema server_info source state storage_path subject '
      'system_prompt template title tool_call tool_calls uri url value variables'),
    (null, 'none',
      'accepted_digest action after_digest aliases allowed_tools before_digest base_url call_id '
      'cause changed client client_id cron delivery_id detail digest disabled_because '
      'engine_check engines events fingerprint former_names function functions into_column issuer '
      'key_columns label last_four log_level login mode model name object object_id '
      'on_event on_refusal orchestrator outcome parent_call_id pattern prefix prev_hash '
      'previous_secret_name price_unit prices_from provider query received_call_id resource_url '
      'role scopes secret_header secret_name session session_key sha256 signature_sha256 '
      'signed_by slug subscriptions table_name taken_by timezone tool tool_call_id tools type unit '
      'value_sha256 wrapped_by'),
    -- the capabilities of a model and the names of tools are words of a list
    ('models', 'none', 'capabilities domain'),
    ('tools', 'none', 'capabilities domain'),
    ('mcp_tools', 'none', 'annotations'),
    -- a filter may search what people wrote
    ('saved_views', 'content', 'filter'),
    ('saved_views', 'none', 'place'),
    -- keys of the application, which hold no texts
    ('request_keys', 'none', 'key'),
    ('settings', 'none', 'key value'),
    ('knowledge_bases', 'none', 'chunking ranking'), (null, 'none', 'detected_language language'),
    (null, 'none', 'model_digest'),
    ('embedding_generations', 'content', 'model'),
    ('query_embeddings', 'content', 'model query'),
    ('query_rankings', 'content', 'model query'),
    ('searches', 'none', 'rerank_error'), ('searches', 'content', 'filter query'),
    ('chunks', 'content', 'heading_path'), ('due_documents', 'none', 'etag last_modified'),
    ('chunk_terms', 'content', 'term'),
    ('memory_terms', 'content', 'term'),
    ('memories', 'none', 'superseded_by'),
    ('agents', 'none', 'memory_policy'), (null, 'content', 'working_memory'),
    ('dataset_items', 'content', 'expected'),
    ('dataset_items', 'none', 'split'),
    ('dataset_items', 'person', 'source_user_id'),
    ('evaluation_results', 'content', 'scores'),
    ('judgements', 'content', 'verdict'),
    ('judgements', 'none', 'grader'),
    ('evaluations', 'content', 'graders'),
    ('evaluations', 'none', 'items_digest split totals'),
    ('grades', 'none', 'grader'),
    ('grading_rules', 'none', 'graders sample'),
    ('limits', 'none', 'key'),
    ('webhook_deliveries', 'none', 'event'),
    ('integrations', 'none', 'endpoints'),
    ('token_revocations', 'none', 'integration'),
    ('account_links', 'secret', 'digest'),
    -- digests of a log that stays
    ('audit_log', 'none', 'hash'), ('audit_heads', 'none', 'hash'),
    ('audit_checkpoints', 'none', 'hash hmac'),
    -- the names of files are texts of people
    ('resources', 'content', 'name')
  ) as c (object, class, names)
  cross join unnest(string_to_array(c.names, ' ')) as n (name)
$$;

-- Returns the columns of our tables with their class, null where none is needed or given.
create or replace function howdah_private.classified_columns()
  returns table (relation regclass, object text, name text, type regtype, class text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct on (r.oid, a.attnum) r.oid::regclass, r.relname::text, a.attname::text,
    a.atttypid::regtype, k.class
  from pg_catalog.pg_class as r
  join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  left join howdah_private.column_classes() as k
    on k.name = a.attname and (k.object is null or k.object = r.relname)
  where r.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
    and r.relkind in ('r', 'p') and not r.relispartition
  order by r.oid, a.attnum, k.object
$$;

-- Returns the columns that say who a row is about, and whether they have the id of a user (else a
-- username).
create or replace function howdah_private.person_columns()
  returns table (relation regclass, object text, name text, is_id boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select k.relation, k.object, k.name, k.type = 'uuid'::regtype
  from howdah_private.classified_columns() as k where k.class = 'person'
$$;
