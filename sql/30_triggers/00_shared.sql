-- Trigger functions that more than one table uses.
create or replace function howdah_private.tg__stamp() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- Immutable rows: refused for everybody, the owner too; only retention and erasure pass.
create or replace function howdah_private.tg__refuse_change() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- rows of a partition are rows of its table
  v_table text := regexp_replace(tg_table_name, '_\d{4}_\d{2}$', '');
begin
  if current_user = 'howdah_eraser' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWDEN',
    message = format('%s of howdah.%s is not allowed: what happened stays', lower(tg_op), v_table),
    detail = jsonb_build_object('table', v_table, 'operation', lower(tg_op))::text,
    hint = 'Retention and erasure remove rows; nothing changes them.';
end $$;

-- Runs of a closed month are counted and about to go: nothing begins, ends or goes on among them. Erasure passes.
create or replace function howdah_private.tg__refuse_closed() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user = 'howdah_eraser' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWCNF',
    message = 'the month of this run is closed: nobody keeps its runs any more, and they are about to be dropped',
    detail = jsonb_build_object('execution_id', case tg_op when 'DELETE' then old.id else new.id end)::text,
    hint = 'Begin a new run instead.';
end $$;

-- Texts of definitions stay in versions for good, so a key may stand in none of them. The columns are the arguments.
create or replace function howdah_private.tg__refuse_keys_in_texts() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row constant jsonb := to_jsonb(new);
begin
  for i in 0 .. tg_nargs - 1 loop
    perform howdah_private.refuse_secret_in_prose(tg_argv[i], v_row ->> tg_argv[i]);
  end loop;
  return new;
end $$;

-- A part of agents changed: they get a new version when the transaction commits.
create or replace function howdah_private.mark_agents_stale(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.agents as a set version_is_stale = true
  where a.id = any (mark_agents_stale.ids) and not a.version_is_stale
$$;

-- What to do about a value that is too large, by what it is: a name, a text, a list, a document.
create or replace function howdah_private.size_fix(most int, unit text, type text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select format(case
    when size_fix.unit = 'characters' then 'Shorten it to at most %s %s.'
    when size_fix.type = 'string' then
      'Keep it within %s %s. A longer text is stored in howdah.resources, and the agent reads it by a tool, piece by piece.'
    when size_fix.type = 'array' then 'Keep the list within %s %s: fewer entries, or shorter ones.'
    else 'Keep the document within %s %s. Large texts and files are stored in howdah.resources, and their ids stand here.'
  end, size_fix.most, size_fix.unit)
$$;

create or replace function howdah_private.refuse_large(field text, size int, most int, unit text, type text default 'object')
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('%s has %s %s, at most %s are allowed', refuse_large.field, refuse_large.size, refuse_large.unit, refuse_large.most),
    detail = jsonb_build_object('field', refuse_large.field, 'most', refuse_large.most, 'unit', refuse_large.unit)::text,
    hint = howdah_private.size_fix(refuse_large.most, refuse_large.unit, refuse_large.type);
end $$;

-- Called by the condition of 95_sizes.sql only for a row that has something too large: it says what.
create or replace function howdah_private.tg__refuse_oversize() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row jsonb := to_jsonb(new);
  v_size int;
begin
  for v_at in 0 .. tg_nargs - 1 by 3 loop
    v_size := case tg_argv[v_at + 2] when 'characters' then length(v_row ->> tg_argv[v_at])
      else octet_length(v_row ->> tg_argv[v_at]) end;
    if v_size > tg_argv[v_at + 1]::int then
      perform howdah_private.refuse_large(
        tg_argv[v_at], v_size, tg_argv[v_at + 1]::int, tg_argv[v_at + 2], jsonb_typeof(v_row -> tg_argv[v_at]));
    end if;
  end loop;
  return new;
end $$;

-- What is wrong with a name; null when nothing is. See 96_names.sql.
create or replace function howdah_private.name_fault(name text) returns text
  language sql immutable parallel safe
  return case
    when name ~ '^[\s\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]*$' then 'is empty' -- what is a space differs by locale
    when name ~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]' then 'holds a line break or another control character'
    when name ~ '[\u202a-\u202e\u2066-\u2069]' then 'holds a character that turns its text around' end;

create or replace function howdah_private.tg__refuse_unreadable_name() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('%s of %s %s', tg_argv[0], tg_table_name,
      howdah_private.name_fault(to_jsonb(new) ->> tg_argv[0])),
    detail = jsonb_build_object('table', tg_table_name, 'field', tg_argv[0])::text,
    hint = 'A name is one line of text that can be read.';
end $$;
