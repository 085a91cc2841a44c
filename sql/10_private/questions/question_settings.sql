-- Checks the settings under `question` in the configuration of a tool when they are written, so
-- that no run fails because of them.

-- Raises the error for one setting, with its path.
create or replace function howdah_private.raise_question_setting(place text, fault text, hint text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('configuration.%s %s', raise_question_setting.place,
      raise_question_setting.fault),
    detail = jsonb_build_object('field', 'configuration', 'path', 'configuration.' || place)::text,
    hint = raise_question_setting.hint;
end $$;

-- Checks all settings of a question. Only ask_user takes a schema; questions about other tools are
-- answered by approve or reject.
create or replace function howdah_private.check_question_settings(
  configuration jsonb, is_ask_user boolean
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_settings jsonb := check_question_settings.configuration -> 'question';
  v_known constant text[] :=
    array['schema', 'expires_in_seconds', 'default_answer', 'required_role', 'escalate_to'];
  v_key text;
  v_seconds jsonb := nullif(v_settings -> 'expires_in_seconds', 'null');
begin
  if coalesce(v_settings, 'null') = 'null' then
    return;
  end if;
  if jsonb_typeof(v_settings) <> 'object' then
    perform howdah_private.raise_question_setting('question', 'is not an object',
      '{"question": {"expires_in_seconds": 3600, "default_answer": "reject"}}');
  end if;
  select k.key into v_key from jsonb_object_keys(v_settings) as k (key)
  where k.key <> all (v_known) limit 1;
  if found then
    perform howdah_private.raise_question_setting('question.' || v_key,
      'is not a setting of a question',
      coalesce('Did you mean ' || howdah_private.nearest_word(v_key, v_known) || '?',
        'The settings: ' || array_to_string(v_known, ', ')));
  end if;
  if jsonb_typeof(v_seconds) <> 'number'
    or (v_seconds #>> '{}')::numeric not between 0.001 and 1000000000 then
    perform howdah_private.raise_question_setting('question.expires_in_seconds',
      'is not a positive number of seconds',
      'One hour: 3600. At most 1000000000.');
  end if;
  perform howdah_private.check_question_people(v_settings);
  perform howdah_private.check_question_answer(v_settings, is_ask_user);
  foreach v_key in array array['default_answer', 'escalate_to'] loop
    if v_seconds is null and coalesce(v_settings -> v_key, 'null') <> 'null' then
      perform howdah_private.raise_question_setting('question.' || v_key,
        'has no effect without a deadline',
        'Set a deadline: "expires_in_seconds": 3600');
    end if;
  end loop;
end $$;

-- Checks `required_role` and `escalate_to`.
create or replace function howdah_private.check_question_people(settings jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role jsonb := nullif(check_question_people.settings -> 'required_role', 'null');
  v_escalate_to jsonb := nullif(check_question_people.settings -> 'escalate_to', 'null');
begin
  if v_role not in ('"owner"', '"admin"', '"member"') then
    perform howdah_private.raise_question_setting('question.required_role',
      case v_role when '"viewer"' then 'is viewer, and viewers never answer'
        else format('is %s, which is not a role', left(v_role::text, 60)) end,
      'The roles that may answer: owner, admin, member');
  end if;
  if jsonb_typeof(v_escalate_to) <> 'string' or v_escalate_to #>> '{}' !~ '\S'
    or v_escalate_to = '"viewer"' then
    perform howdah_private.raise_question_setting('question.escalate_to',
      case v_escalate_to when '"viewer"' then 'is viewer, and viewers never answer'
        else 'is not the name of a role or a user' end,
      'A role (owner, admin, member) or a username.');
  end if;
end $$;

-- Checks `schema` and `default_answer`.
create or replace function howdah_private.check_question_answer(
  settings jsonb, is_ask_user boolean
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema jsonb := nullif(check_question_answer.settings -> 'schema', 'null');
  v_default jsonb := nullif(check_question_answer.settings -> 'default_answer', 'null');
  v_fault text;
begin
  if v_schema is not null and not is_ask_user then
    perform howdah_private.raise_question_setting('question.schema', 'is only for ask_user',
      'Edited arguments of a call are checked against the tool''s parameters.');
  elsif jsonb_typeof(v_schema) <> 'object' then
    perform howdah_private.raise_question_setting('question.schema', 'is not an object',
      '{"schema": {"type": "boolean"}}');
  end if;
  perform howdah_private.check_schema('configuration.question.schema', coalesce(v_schema, '{}'));
  v_fault := howdah_private.unsupported_schema_keyword(v_schema);
  if v_fault is not null then
    perform howdah_private.raise_question_setting('question.schema.' || v_fault,
      'cannot be checked in an answer',
      'Write the schema without it; a $ref may point into the schema itself: #/$defs/name.');
  end if;
  v_fault := case
    when v_default is null then null
    when jsonb_typeof(v_default) <> 'string' then 'is not a string'
    when not is_ask_user and v_default #>> '{}' not in ('approve', 'reject')
      then 'is neither approve nor reject'
    when v_schema is not null
      then 'does not satisfy the schema: ' || (howdah_private.json_faults(v_schema,
      coalesce(howdah_private.answer_value(v_default #>> '{}', v_schema), v_default)))[1]
    when v_default #>> '{}' !~ '\S' then 'is empty'
  end;
  if v_fault is not null then
    perform howdah_private.raise_question_setting('question.default_answer', v_fault,
      case when is_ask_user
        then 'Write the answer as a string. For a schema, the string holds JSON: "{\"ok\": true}"'
        else 'Write "approve" or "reject".' end);
  end if;
end $$;

-- Joins the first names for a hint. An ellipsis marks that there are more. Returns null for no
-- names.
create or replace function howdah_private.list_names(names text[], max_names int) returns text
  language sql immutable
  return nullif(array_to_string(names[1:max_names], ', ')
    || case when cardinality(names) > max_names then ', …' else '' end, '');

-- Returns the known word with the smallest edit distance to a word, or null if none is near. Of
-- many words only those with the most letter pairs in common are compared letter by letter.
create or replace function howdah_private.nearest_word(word text, known text[]) returns text
  language plpgsql immutable strict
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known text;
  v_above int[];
  v_row int[];
  v_best text;
  v_least int := least(greatest(2, length(nearest_word.word) / 3) + 1, length(nearest_word.word));
begin
  for v_known in
    select c.known from (
      select k.known, k.place
      from unnest(nearest_word.known[1:2000]) with ordinality as k (known, place)
      cross join lateral (
        select count(*) from generate_series(1, length(k.known)) as i
        where strpos(' ' || lower(left(nearest_word.word, 60)),
          lower(substr(' ' || k.known, i, 2))) > 0
      ) as shared (pairs)
      where abs(length(k.known) - length(left(nearest_word.word, 60))) < v_least
      order by shared.pairs desc, k.place limit 16
    ) as c
    order by c.place
  loop
    v_above := array(select generate_series(0, length(v_known)));
    for i in 1 .. length(left(word, 60)) loop
      v_row := array[i];
      for j in 1 .. length(v_known) loop
        v_row[j + 1] := least(v_above[j + 1] + 1, v_row[j] + 1,
          v_above[j] + (lower(substr(word, i, 1)) <> substr(v_known, j, 1))::int);
      end loop;
      v_above := v_row;
    end loop;
    if v_above[length(v_known) + 1] < v_least then
      v_least := v_above[length(v_known) + 1];
      v_best := v_known;
    end if;
  end loop;
  return v_best;
end $$;
