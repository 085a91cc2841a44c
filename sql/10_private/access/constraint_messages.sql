-- Messages for the triggers of 95_refusals.sql.

-- Raises the error for a fault, {kind, column or check, maximum, unit}, that 95_refusals.sql found
-- in a row.
create or replace function howdah_private.raise_fault(
  relation regclass, fault text[], "row" jsonb
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_field text := fault[2];
  v_value text := raise_fault."row" ->> v_field;
  v_table name := (
    select c.relname from pg_class as c
    where c.oid = howdah_private.table_of(raise_fault.relation));
  v_character text;
begin
  case fault[1]
  when 'missing' then
    perform howdah_private.raise_invalid_row(raise_fault.relation, null, v_field);
  when 'check' then
    perform howdah_private.raise_invalid_row(raise_fault.relation, v_field, null);
  when 'size' then
    if howdah_private.is_deep(raise_fault."row" -> v_field) then
      perform howdah_private.raise_deep(v_field);
    end if;
    perform howdah_private.raise_large(v_field,
      case fault[4] when 'characters' then length(v_value) else octet_length(v_value) end,
      fault[3]::int, fault[4], jsonb_typeof(raise_fault."row" -> v_field));
  when 'sealed' then
    raise exception using errcode = 'HWINV',
      message = format('%s contains an encrypted text of a run', v_field),
      detail = jsonb_build_object('field', v_field)::text,
      hint = 'Encrypted texts belong to the rows of their run. Write the text itself.';
  when 'time' then
    raise exception using errcode = 'HWINV',
      message = format('%s is %s, which is not a time between the years 1 and 9999',
        v_field, v_value),
      detail = jsonb_build_object('table', v_table, 'field', v_field)::text,
      hint = format('Set %s to a time such as 2030-12-31 18:00+00, or leave it out.', v_field);
  when 'name' then
    if howdah_private.name_fault(v_value) <> 'is empty' then
      v_character := howdah_private.unreadable_character(v_value);
    end if;
    raise exception using errcode = 'HWINV',
      message = format('%s of %s %s', v_field, v_table, howdah_private.name_fault(v_value))
        || coalesce(' (' || v_character || ')', ''),
      detail = jsonb_strip_nulls(jsonb_build_object(
        'table', v_table, 'field', v_field, 'character', v_character))::text,
      hint = case when v_character is null
        then format('Use one line of visible text for %s.', v_field)
        else format('Remove %s from %s.', v_character, v_field) end;
  end case;
end $$;

-- Returns the table of a trigger: of a partition the partitioned table, whose constraints have
-- comments.
create or replace function howdah_private.table_of(relation regclass) returns regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select i.inhparent from pg_inherits as i where i.inhrelid = table_of.relation),
    table_of.relation)
$$;

-- Raises the error for a violated check, or for a required column without a value. The hint is the
-- comment of the check or column. The error names the constraint, as an error of Postgres does.
create or replace function howdah_private.raise_invalid_row(
  relation regclass, rule name, field name
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation oid := howdah_private.table_of(raise_invalid_row.relation);
  v_table name := (select c.relname from pg_class as c where c.oid = v_relation);
  v_fields jsonb;
  v_fix text;
begin
  if raise_invalid_row.rule is null then
    v_fields := jsonb_build_array(raise_invalid_row.field);
    select regexp_replace(col_description(a.attrelid, a.attnum), '^(@[^\n]*\n)+', '') into v_fix
    from pg_attribute as a where a.attrelid = v_relation and a.attname = raise_invalid_row.field;
  else
    select obj_description(c.oid, 'pg_constraint'),
      (select to_jsonb(array_agg(a.attname order by a.attnum)) from pg_attribute as a
       where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
    into v_fix, v_fields
    from pg_constraint as c where c.conrelid = v_relation and c.conname = raise_invalid_row.rule;
  end if;
  raise exception using errcode = 'HWINV',
    message = coalesce(
      regexp_replace(howdah_private.constraint_sentence(raise_invalid_row.rule, v_fields),
        ' must be an object$', ' must be a JSON object'),
      format('%s of %s is missing', raise_invalid_row.field, v_table)),
    detail = (jsonb_build_object(
      'table', v_table, 'fields', v_fields, 'constraint', raise_invalid_row.rule)
      || case when jsonb_array_length(v_fields) = 1 then jsonb_build_object('field', v_fields -> 0)
        else '{}' end)::text,
    hint = coalesce(v_fix, format('Give %s a value.', raise_invalid_row.field)),
    schema = 'howdah', table = v_table, column = coalesce(raise_invalid_row.field, ''),
    constraint = coalesce(raise_invalid_row.rule, '');
end $$;

-- Returns the sentence of a check whose name cannot be turned into a clear one, and null for other
-- checks.
create or replace function howdah_private.special_constraint_sentence(rule text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select s.sentence from (values
    ('a_key_is_of_a_model_a_tool_or_runs',
      'only limits of models, tools and running runs must have a key'),
    ('a_label_is_of_one_thing', 'a label must be for one agent, workflow or prompt'),
    ('a_member_is_an_agent_a_workflow_or_a_question',
      'a member must be an agent, a workflow or a question'),
    ('a_rule_has_a_query_or_names_what_is_looked_at',
      'a rule must have either a query or an engine_check'),
    ('a_socket_is_for_speech', 'a model with a wss:// base_url must have purpose tts or stt'),
    ('a_tenant_a_key_and_the_system_have_no_subject',
      'a limit of a tenant, a key or the system must have no subject'),
    ('aliases_fit_the_wire', 'aliases must be valid names of tools'),
    ('an_accepted_prompt_is_what_was_accepted',
      'an accepted prompt must be the accepted definition'),
    ('an_accepted_tool_is_what_was_accepted', 'an accepted tool must be the accepted definition'),
    ('answered_questions_say_when', 'answered questions must have a time'),
    ('base_url_is_http', 'base_url must be an HTTP URL'),
    ('bytes_are_at_most_8_mb', 'bytes must have at most 8 MB'),
    ('cached_tools_are_pure', 'a tool with cache_answers_for must have the effect pure'),
    ('cached_tools_are_sql_http_mcp_or_custom',
      'a tool with cache_answers_for must be of kind sql, http, mcp or custom'),
    ('cached_tools_have_no_approval',
      'a tool with cache_answers_for must not have requires_approval'),
    ('calls_are_of_a_model_or_a_tool', 'a limit of calls must be for a model or a tool'),
    ('delivered_ones_have_a_time', 'delivered requests must have a time of delivery'),
    ('ended_runs_say_when', 'ended runs must have completed_at'),
    ('ended_runs_say_why', 'ended runs must have a stop_reason'),
    ('forks_say_from_where', 'forks must have a run and a step that they continue'),
    ('hash_is_a_sha_256', 'hash must be a SHA-256 hash'),
    ('input_is_at_most_1_mb', 'input must have at most 1 MB'),
    ('issuer_is_http', 'issuer must be an HTTP URL'),
    ('mcp_tools_name_their_server', 'tools of kind mcp must have a server'),
    ('name_fits_the_wire', 'name must be a valid name of a tool'),
    ('name_is_not_blank_and_at_most_100_long',
      'name must not be blank and must have at most 100 characters'),
    ('only_tools_that_do_something_exist', 'kind must be one that a tool can have'),
    ('other_types_are_of_files', 'a document of this type must have a resource_id'),
    ('prefix_is_hwd_and_an_id', 'prefix must be hwd_ and an id'),
    ('requests_are_of_a_tenant_a_user_an_api_key_or_the_system',
      'a limit of requests must be for a tenant, a user, an API key or the system'),
    ('resource_url_is_http', 'resource_url must be an HTTP URL'),
    ('running_runs_are_of_an_agent_a_model_a_key_or_a_tenant',
      'a limit of running runs must be for an agent, a model, a key or a tenant'),
    ('runs_and_cost_are_not_of_an_api_key_a_model_or_a_tool',
      'a limit of runs or cost must not be for an API key, a model or a tool'),
    ('sha256_is_hex', 'sha256 must be hexadecimal'),
    ('storage_is_of_a_tenant_a_session_or_the_system',
      'a limit of storage must be for a tenant, a session or the system'),
    ('tokens_are_not_of_an_api_key_or_a_tool',
      'a limit of tokens must not be for an API key or a tool'),
    ('type_is_a_mime_type', 'type must be a MIME type'),
    ('url_is_http', 'url must be an HTTP URL'),
    ('value_has_at_most_32_kb', 'value must have at most 32 KB'),
    ('waiting_runs_say_for_what', 'waiting runs must have waiting_for')
  ) as s (rule, sentence)
  where s.rule = special_constraint_sentence.rule
$$;

-- Turns the name of a check into a sentence for the user. The name states a fact about every row
-- (limits_are_positive), the sentence a rule: limits must be positive. The name of a column keeps
-- its underscores.
create or replace function howdah_private.constraint_sentence(rule text, fields jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(howdah_private.special_constraint_sentence(constraint_sentence.rule),
    case when constraint_sentence.fields ? p[1] then p[1] else replace(p[1], '_', ' ') end
    || case
      when p[2] in ('is', 'are') and p[3] ~ '^_not_(?!.*_and_)'
        then ' must not be' || replace(substr(p[3], 5), '_', ' ')
      else coalesce((
          select v.rule from (values
            ('is', ' must be'), ('are', ' must be'), ('has', ' must have'), ('have', ' must have'),
            ('counts', ' must count'), ('fits', ' must fit'), ('fit', ' must fit'),
            ('say', ' must say'), ('names', ' must name'), ('name', ' must name'),
            ('may', ' must be allowed to')) as v (verb, rule)
          where v.verb = p[2]
        ), '') || replace(p[3], '_', ' ') end,
    replace(constraint_sentence.rule, '_', ' '))
  from (values (1)) as one
  left join regexp_match(constraint_sentence.rule,
    '^(.+?)_(is|are|has|have|counts|fits|fit|say|names|name|may)((?:_.*)?)$') as p on true
$$;

-- Raises the error of the triggers of 66_references.sql for an id without a row in the tenant.
create or replace function howdah_private.raise_unknown(
  relation name, field name, referenced name, id text, rule name
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('%s of %s does not exist: there is no such row in %s',
      field, raise_unknown.relation, referenced),
    detail = jsonb_build_object('table', raise_unknown.relation, 'field', field,
      'id', raise_unknown.id, 'constraint', rule)::text,
    hint = format('Use the id of a row that you see in howdah.%s.', referenced),
    schema = 'howdah', table = raise_unknown.relation, column = field, constraint = rule;
end $$;

-- Raises the error of these triggers for a row that other rows refer to.
create or replace function howdah_private.raise_used(relation name, referencing name, rule name)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('the row of %s is still used by %s', raise_used.relation, referencing),
    detail = jsonb_build_object(
      'table', raise_used.relation, 'used_by', referencing, 'constraint', rule)::text,
    hint = case when raise_used.relation in ('agents', 'workflows', 'prompts', 'skills')
      then format('Use howdah.delete_%s(id): it keeps the versions and runs.',
        rtrim(raise_used.relation, 's'))
      else format('Change or delete the rows of howdah.%s first.', referencing) end,
    schema = 'howdah', table = raise_used.relation, constraint = rule;
end $$;
