-- Trigger functions that several tables share. The file sorts first, because the other files of
-- this folder create triggers with them.

-- Locks the row of the caller before the rows of a statement, since the new versions of these rows
-- have the name of the caller (lock_caller).
create or replace function howdah_private.tg__lock_caller() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_caller();
  return null;
end $$;

-- Notes that a table of a feature has rows, so that inserts of runs look into it from now on
-- (run_defaults_of_agent, count_runs). A limit is written under a lock that these inserts take
-- first, and other features count from their commit, as their rows do. The note stays for ever.
create or replace function howdah_private.tg__note_feature() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah_private.installation as i set
    has_settings = i.has_settings or tg_table_name = 'settings',
    has_input_filters = i.has_input_filters or tg_table_name = 'output_filters',
    has_run_limits = i.has_run_limits or tg_table_name = 'limits'
  where not case tg_table_name when 'settings' then i.has_settings
    when 'output_filters' then i.has_input_filters else i.has_run_limits end;
  return null;
end $$;

-- Trims capabilities and removes duplicates. Refuses an empty one, which no search could find.
create or replace function howdah_private.tg__trim_capabilities() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from unnest(new.capabilities) as c (name)
      where coalesce(c.name, '') ~ '^\s*$') then
    raise exception using errcode = 'HWINV',
      message = format('capabilities of %L contain an empty entry', new.name),
      detail = jsonb_build_object('field', 'capabilities',
        'capabilities', to_jsonb(new.capabilities))::text,
      hint = 'Remove the entry. Capabilities are short words such as {search, translate}.';
  end if;
  new.capabilities := array(
    select c.name
    from (
      select btrim(w.name), min(w.place)
      from unnest(new.capabilities) with ordinality as w (name, place)
      group by btrim(w.name)
    ) as c (name, place)
    order by c.place);
  return new;
end $$;

-- Sets the user of a new row.
create or replace function howdah_private.tg__set_user() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.user_id := coalesce(new.user_id, howdah.current_user_id());
  return new;
end $$;

-- Records the run whose tool writes a schedule or an inbound hook: what that starts acts for this
-- run.
create or replace function howdah_private.tg__set_run() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.written_by_execution_id := coalesce(
    howdah_private.starting_execution_id(new.tenant_id), new.written_by_execution_id);
  return new;
end $$;

-- Sets who wrote a schedule or an inbound hook. Its runs act as user_id and have written_by in
-- created_by: a caller that changes what they do becomes their user, and a caller that is not a
-- user leaves them without one. Their triggers name the columns that count: a new name, a pause and
-- a resume keep the author.
create or replace function howdah_private.tg__set_author() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    if current_user = 'howdah_engine' then
      return new;
    end if;
    new.user_id := howdah_private.author(new.user_id);
  end if;
  new.written_by := howdah_private.definition_author(new.tenant_id);
  return new;
end $$;

-- Sets updated_at.
create or replace function howdah_private.tg__stamp() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- Sets updated_at of a row that live lists show. A list looks for rows that changed since a time,
-- and a transaction may have begun long before it changes one. So the clock is read when the row is
-- locked, and not when the transaction began.
create or replace function howdah_private.tg__stamp_clock() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;

-- Refuses to change or delete immutable rows, also for the owner of the table. Only retention and
-- erasure may, as howdah_eraser. An argument of the trigger replaces the hint.
create or replace function howdah_private.tg__refuse_change() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- the name of a partitioned table, not of its partition; messages are stored in message_log
  v_table text := replace(
    regexp_replace(tg_table_name, '_\d{4}_\d{2}$', ''), 'message_log', 'messages');
begin
  if current_user = 'howdah_eraser' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWDEN',
    message = format('%s of howdah.%s is not allowed: recorded data is immutable',
      lower(tg_op), v_table),
    detail = jsonb_build_object('table', v_table, 'operation', lower(tg_op))::text,
    hint = coalesce(tg_argv[0], 'Only retention and erasure remove recorded data.');
end $$;

-- Refuses every change of a run in a closed month. The runs of the month are counted already, and
-- their partitions are about to be dropped. Erasure may change them, as howdah_eraser.
create or replace function howdah_private.tg__refuse_closed() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user = 'howdah_eraser' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWCNF',
    message = 'the month of this run is closed: its runs are past retention and will be dropped',
    detail = jsonb_build_object(
      'execution_id', case tg_op when 'DELETE' then old.id else new.id end)::text,
    hint = 'Start a new run.';
end $$;

-- Refuses secrets in the texts of definitions, because versions keep these texts for ever. The
-- arguments of the trigger name the columns.
create or replace function howdah_private.tg__refuse_keys_in_texts() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row constant jsonb := to_jsonb(new);
begin
  for i in 0 .. tg_nargs - 1 loop
    perform howdah_private.check_secret_in_prose(tg_argv[i], v_row ->> tg_argv[i]);
  end loop;
  return new;
end $$;

-- Marks agents after a change of one of their parts. They get a new version at commit.
create or replace function howdah_private.mark_agents_stale(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.agents as a set version_is_stale = true
  where a.id = any (mark_agents_stale.ids) and not a.version_is_stale
$$;

-- Returns the hint for a value that is too large, by its type: a name, a text, a list, a document.
create or replace function howdah_private.size_hint(most int, unit text, type text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select format(case
    when size_hint.unit = 'characters' then 'Shorten it to at most %s %s.'
    when size_hint.type = 'string' then
      'Shorten it to at most %s %s. Store a longer text in howdah.resources, from where the agent '
      'reads it in parts with a tool.'
    when size_hint.type = 'array' then 'Shorten the list or its entries to at most %s %s.'
    else
      'Shorten the document to at most %s %s. Store large texts and files in howdah.resources and '
      'refer to them by id.'
  end, size_hint.most, size_hint.unit)
$$;

create or replace function howdah_private.raise_large(
  field text, size int, most int, unit text, type text default 'object'
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('%s has %s %s, at most %s are allowed',
      raise_large.field, raise_large.size, raise_large.unit, raise_large.most),
    detail = jsonb_build_object(
      'field', raise_large.field, 'most', raise_large.most, 'unit', raise_large.unit)::text,
    hint = howdah_private.size_hint(raise_large.most, raise_large.unit, raise_large.type);
end $$;

-- Returns whether a document has more than 100 levels of lists and objects. Code that walks a
-- document calls itself for each level, and a text in lines has an indent for each. 101 levels have
-- more than 500 bytes.
create or replace function howdah_private.is_deep(value jsonb) returns boolean
  language sql immutable parallel safe
  return pg_column_size(value) > 500 and jsonb_path_exists(value, 'strict $.**{101}');

-- Refuses a document that has too many levels.
create or replace function howdah_private.raise_deep(field text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('%s is nested more than 100 levels deep', raise_deep.field),
    detail = jsonb_build_object('field', raise_deep.field, 'most', 100, 'unit', 'levels')::text,
    hint = 'Write lists and objects with fewer levels.';
end $$;

-- Returns why a text is not one line of visible text, or null. For keys, which programs compute.
-- The class of spaces is spelled out, because \s depends on the locale.
create or replace function howdah_private.line_fault(line text) returns text
  language sql immutable parallel safe
  return case
    when line ~ '^[\s\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]*$' then 'is empty'
    when line ~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'
      then 'contains a line break or another control character'
    when line ~ '[\u202a-\u202e\u2066-\u2069]'
      then 'contains a character that reverses the direction of text'
  end;

-- Returns the first invisible character of a name, or null. Two names that differ only in such
-- characters look the same. Joiners and variation selectors are part of some scripts and of emoji,
-- so they are accepted there: a joiner between two characters of these, a selector after a symbol.
create or replace function howdah_private.invisible_character(name text) returns text
  language sql immutable parallel safe
  return substring(name from
    '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2060-\u206f\u2800\u3164]'
    '|[\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]'
    '|[\U000e0000-\U000e0fff]'
    '|(?<![\u0600-\u109f\u1700-\u1aff\ua800-\uabff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])'
    '[\u180b-\u180f\u200c\u200d]'
    '|[\u200c\u200d](?![\u0600-\u109f\u1700-\u1aff\ua800-\uabff\u2190-\u2bff\U0001f000-\U0001faff])'
    '|(?<![\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001f6ff])[\ufe0e\ufe0f](?!\u20e3)');

-- Returns the fault of a name, or null. 95_refusals.sql lists the columns that are names.
create or replace function howdah_private.name_fault(name text) returns text
  language sql immutable parallel safe
  return coalesce(howdah_private.line_fault(name),
    case when howdah_private.invisible_character(name) is not null
      then 'contains an invisible character' end);

-- Returns the character that makes a name unreadable as Unicode writes it (U+200B), or null.
create or replace function howdah_private.unreadable_character(name text) returns text
  language sql immutable parallel safe
  return (
    select 'U+' || lpad(c.code, greatest(length(c.code), 4), '0')
    from upper(to_hex(ascii(coalesce(
      substring(unreadable_character.name from
        '[\u0001-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]'),
      howdah_private.invisible_character(unreadable_character.name))))) as c (code)
  );
