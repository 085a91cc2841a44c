-- Up Migration
-- Lets a run that workers have died with run alone, in a process of its own, and bounds the values
-- that queries of models and maps make.

alter table howdah_private.workers
  add column only_run uuid,
  add column parent_id uuid;
comment on column howdah_private.workers.only_run is
  'The only run that the worker takes, because it is a suspect. Null: the worker takes no suspect.';
comment on column howdah_private.workers.parent_id is
  'Worker that started this process for the only run. Null if the worker runs it in itself.';

create table howdah_private.suspects (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  taken_by uuid references howdah_private.workers (id) on delete set null,
  suspected_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  times int not null default 1
);
create index suspects_tenant_id_idx on howdah_private.suspects (tenant_id);
create index suspects_taken_by_idx on howdah_private.suspects (taken_by);
alter table howdah_private.suspects enable row level security, force row level security;
comment on table howdah_private.suspects is
  'Live runs that two workers died with. A worker that has taken one runs it alone. The row stays '
  'until the run ends, so that one more death makes it a suspect again.';
comment on column howdah_private.suspects.taken_by is
  'Worker that runs it alone, or lets a process of its own do so. Null while no worker does.';
comment on column howdah_private.suspects.due_at is
  'Time before which no worker takes it, after an attempt that could not claim it.';
comment on column howdah_private.suspects.times is
  'Number of times that the run became a suspect.';

alter table howdah_private.suspects no force row level security;
insert into howdah_private.suspects (execution_id, tenant_id)
select e.id, e.tenant_id from howdah.executions as e
where e.status in ('queued', 'running', 'waiting', 'paused') and e.crashes_without_progress >= 2;
alter table howdah_private.suspects force row level security;

-- howdah_owner may not create schemas, so the login that migrates does, as for the first ones.
-- A restored backup of an earlier release has the empty schema already.
reset role;
create schema if not exists howdah_bounded authorization howdah_owner;
set local role howdah_owner;
comment on schema howdah_bounded is
  'Functions, operators and aggregates of pg_catalog that make long values of short ones, with a '
  'limit of 1 MB for a value. It comes first in the search path of queries of models and maps, so '
  'that these names mean the ones here. Operators cannot be replaced in place, so all of it is '
  'created here and not in sql/.';

create function howdah_bounded.refuse_length(bytes bigint) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('the query makes a value of %s bytes, at most 1048576 are allowed',
      refuse_length.bytes),
    detail = jsonb_build_object('bytes', refuse_length.bytes, 'most', 1048576)::text,
    hint = 'Ask for shorter values, or for more rows of one value each.';
end $$;

-- Returns true if a value of so many bytes may be made, and throws otherwise.
create function howdah_bounded.is_short(bytes bigint) returns boolean
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when is_short.bytes <= 1048576 then true
      else howdah_bounded.refuse_length(is_short.bytes) is null end;
end $$;

create function howdah_bounded.concatenate(a text, b text) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if octet_length(a)::bigint + octet_length(b) > 1048576 then
    perform howdah_bounded.refuse_length(octet_length(a)::bigint + octet_length(b));
  end if;
  return a || b;
end $$;
create function howdah_bounded.concatenate(a text, b anynonarray) returns text
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(octet_length(a)::bigint + pg_column_size(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a anynonarray, b text) returns text
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(pg_column_size(a)::bigint + octet_length(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a bytea, b bytea) returns bytea
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(octet_length(a)::bigint + octet_length(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a bit varying, b bit varying) returns bit varying
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(octet_length(a)::bigint + octet_length(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a jsonb, b jsonb) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(pg_column_size(a)::bigint + pg_column_size(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a tsvector, b tsvector) returns tsvector
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(pg_column_size(a)::bigint + pg_column_size(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a tsquery, b tsquery) returns tsquery
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(pg_column_size(a)::bigint + pg_column_size(b))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a anycompatiblearray, b anycompatiblearray)
  returns anycompatiblearray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(
        coalesce(pg_column_size(a), 0)::bigint + coalesce(pg_column_size(b), 0))
      then a || b end;
end $$;
create function howdah_bounded.concatenate(a anycompatiblearray, b anycompatible)
  returns anycompatiblearray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(
        coalesce(pg_column_size(a), 0)::bigint + coalesce(pg_column_size(b), 0))
      then array_append(a, b) end;
end $$;
create function howdah_bounded.concatenate(a anycompatible, b anycompatiblearray)
  returns anycompatiblearray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(
        coalesce(pg_column_size(a), 0)::bigint + coalesce(pg_column_size(b), 0))
      then array_prepend(a, b) end;
end $$;

create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = text, rightarg = text);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = text, rightarg = anynonarray);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = anynonarray, rightarg = text);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = bytea, rightarg = bytea);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = bit varying, rightarg = bit varying);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = jsonb, rightarg = jsonb);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = tsvector, rightarg = tsvector);
create operator howdah_bounded.|| (
  function = howdah_bounded.concatenate, leftarg = tsquery, rightarg = tsquery);
create operator howdah_bounded.|| (function = howdah_bounded.concatenate,
  leftarg = anycompatiblearray, rightarg = anycompatiblearray);
create operator howdah_bounded.|| (function = howdah_bounded.concatenate,
  leftarg = anycompatiblearray, rightarg = anycompatible);
create operator howdah_bounded.|| (function = howdah_bounded.concatenate,
  leftarg = anycompatible, rightarg = anycompatiblearray);

create function howdah_bounded.array_append(a anycompatiblearray, b anycompatible)
  returns anycompatiblearray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.concatenate(a, b);
end $$;
create function howdah_bounded.array_prepend(a anycompatible, b anycompatiblearray)
  returns anycompatiblearray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.concatenate(a, b);
end $$;
create function howdah_bounded.array_cat(a anycompatiblearray, b anycompatiblearray)
  returns anycompatiblearray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.concatenate(a, b);
end $$;

create function howdah_bounded.repeat(a text, times int) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(octet_length(a)::bigint * greatest(times, 0))
      then pg_catalog.repeat(a, times) end;
end $$;
-- A character takes up to four bytes, and padding makes a text no longer than its `length`.
create function howdah_bounded.lpad(a text, length int, fill text default ' ') returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(greatest(length, 0)::bigint
        * case when octet_length(a) = char_length(a) and octet_length(fill) = char_length(fill)
          then 1 else 4 end)
      then pg_catalog.lpad(a, length, fill) end;
end $$;
create function howdah_bounded.rpad(a text, length int, fill text default ' ') returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(greatest(length, 0)::bigint
        * case when octet_length(a) = char_length(a) and octet_length(fill) = char_length(fill)
          then 1 else 4 end)
      then pg_catalog.rpad(a, length, fill) end;
end $$;
-- The number of occurrences is counted only where even the longest possible result matters.
create function howdah_bounded.replace(a text, sought text, put text) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
      when octet_length(put) <= octet_length(sought) or sought = '' then pg_catalog.replace(a, sought, put)
      when octet_length(a)::bigint * octet_length(put) <= 1048576
        or howdah_bounded.is_short(octet_length(a) + octet_length(put)::bigint
          * ((octet_length(a) - octet_length(pg_catalog.replace(a, sought, '')))
            / octet_length(sought)))
      then pg_catalog.replace(a, sought, put) end;
end $$;
-- \& and \1 in the replacement repeat what was matched, all matches together at most the text.
create function howdah_bounded.regexp_replace(
  a text, pattern text, put text, start int, nth int, flags text
) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
      when (octet_length(a) + 1)::bigint * (octet_length(put) + 1) <= 1048576
        or howdah_bounded.is_short(
          octet_length(a)::bigint * (1 + octet_length(put) - octet_length(pg_catalog.replace(put, '\', '')))
          + octet_length(put)::bigint * case when nth > 0 then 1
            else regexp_count(a, pattern, start, pg_catalog.replace(flags, 'g', '')) end)
      then pg_catalog.regexp_replace(a, pattern, put, start, nth, flags) end;
end $$;
create function howdah_bounded.regexp_replace(a text, pattern text, put text) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.regexp_replace(a, pattern, put, 1, 1, '');
end $$;
create function howdah_bounded.regexp_replace(a text, pattern text, put text, flags text)
  returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.regexp_replace(a, pattern, put, 1,
      case when position('g' in flags) > 0 then 0 else 1 end, pg_catalog.replace(flags, 'g', ''));
end $$;
create function howdah_bounded.regexp_replace(a text, pattern text, put text, start int)
  returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.regexp_replace(a, pattern, put, start, 1, '');
end $$;
create function howdah_bounded.regexp_replace(
  a text, pattern text, put text, start int, nth int
) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return howdah_bounded.regexp_replace(a, pattern, put, start, nth, '');
end $$;
create function howdah_bounded.array_fill(a anyelement, lengths int[], bounds int[] default null)
  returns anyarray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_length int;
  v_elements bigint := 1;
begin
  foreach v_length in array coalesce(lengths, '{}') loop
    v_elements := v_elements * greatest(v_length, 0);
    -- a statement of its own: the planner evaluates a constant call even where a case leaves it out
    perform howdah_bounded.is_short(v_elements * (coalesce(pg_column_size(a), 0) + 1));
  end loop;
  return case when bounds is null then pg_catalog.array_fill(a, lengths)
    else pg_catalog.array_fill(a, lengths, bounds) end;
end $$;
create function howdah_bounded.array_to_string(a anyarray, delimiter text, put text default null)
  returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(coalesce(pg_column_size(a), 0) + cardinality(a)::bigint
        * (coalesce(octet_length(delimiter), 0) + coalesce(octet_length(put), 0)))
      then pg_catalog.array_to_string(a, delimiter, put) end;
end $$;

-- The states of the aggregates.
create function howdah_bounded.add_text(state text, value text, delimiter text) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if value is null then
    return state;
  elsif state is null then
    return value;
  elsif octet_length(state) + octet_length(value) + octet_length(delimiter) > 1048576 then
    perform howdah_bounded.refuse_length(
      octet_length(state)::bigint + octet_length(value) + octet_length(delimiter));
  end if;
  return state || coalesce(delimiter, '') || value;
end $$;
create function howdah_bounded.add_bytes(state bytea, value bytea, delimiter bytea) returns bytea
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when value is null then state when state is null then value
      when howdah_bounded.is_short(
        octet_length(state)::bigint + octet_length(value) + coalesce(octet_length(delimiter), 0))
      then state || coalesce(delimiter, '') || value end;
end $$;
create function howdah_bounded.add_json(state text, value anyelement) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(
        coalesce(octet_length(state), 0)::bigint + coalesce(pg_column_size(value), 0))
      then concat(coalesce(state || ', ', '['),
        coalesce(to_json(value)::text, 'null')) end;
end $$;
create function howdah_bounded.add_json_strict(state text, value anyelement) returns text
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when value is null then state else howdah_bounded.add_json(state, value) end;
end $$;
create function howdah_bounded.finish_json(state text) returns json
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return concat(state, ']')::json;
end $$;
create function howdah_bounded.finish_json_strict(state text) returns json
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return concat(coalesce(state, '['), ']')::json;
end $$;
create function howdah_bounded.finish_jsonb(state text) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return concat(state, ']')::jsonb;
end $$;
create function howdah_bounded.finish_jsonb_strict(state text) returns jsonb
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return concat(coalesce(state, '['), ']')::jsonb;
end $$;
-- Each call copies the array, so the number of elements is limited as well.
create function howdah_bounded.add_element(state anyarray, value anynonarray) returns anyarray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_elements constant int := coalesce(cardinality(state), 0);
begin
  if v_elements >= 10000 then
    raise exception using errcode = 'HWINV',
      message = 'the query makes an array of more than 10000 elements',
      detail = jsonb_build_object('most', 10000)::text,
      hint = 'Ask for rows instead of an array of them.';
  end if;
  return case when v_elements % 16 <> 0 or howdah_bounded.is_short(
      coalesce(pg_column_size(state), 0)::bigint + coalesce(pg_column_size(value), 0))
    then pg_catalog.array_append(state, value) end;
end $$;
create function howdah_bounded.add_array(state anyarray, value anyarray) returns anyarray
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(
        coalesce(pg_column_size(state), 0)::bigint + coalesce(pg_column_size(value), 0))
      then pg_catalog.array_cat(state, array[value]) end;
end $$;

create aggregate howdah_bounded.string_agg(text, text) (
  sfunc = howdah_bounded.add_text, stype = text, parallel = safe);
create aggregate howdah_bounded.string_agg(bytea, bytea) (
  sfunc = howdah_bounded.add_bytes, stype = bytea, parallel = safe);
create aggregate howdah_bounded.json_agg(anyelement) (
  sfunc = howdah_bounded.add_json, stype = text, finalfunc = howdah_bounded.finish_json,
  parallel = safe);
create aggregate howdah_bounded.jsonb_agg(anyelement) (
  sfunc = howdah_bounded.add_json, stype = text, finalfunc = howdah_bounded.finish_jsonb,
  parallel = safe);
create aggregate howdah_bounded.json_agg_strict(anyelement) (
  sfunc = howdah_bounded.add_json_strict, stype = text,
  finalfunc = howdah_bounded.finish_json_strict, parallel = safe);
create aggregate howdah_bounded.jsonb_agg_strict(anyelement) (
  sfunc = howdah_bounded.add_json_strict, stype = text,
  finalfunc = howdah_bounded.finish_jsonb_strict, parallel = safe);
create aggregate howdah_bounded.array_agg(anynonarray) (
  sfunc = howdah_bounded.add_element, stype = anyarray, parallel = safe);
create aggregate howdah_bounded.array_agg(anyarray) (
  sfunc = howdah_bounded.add_array, stype = anyarray, parallel = safe);

revoke all on all functions in schema howdah_bounded from public;
grant usage on schema howdah_bounded to howdah_reader;
grant execute on all functions in schema howdah_bounded to howdah_reader;

-- Down Migration
drop schema howdah_bounded cascade;
drop table howdah_private.suspects;
alter table howdah_private.workers drop column only_run, drop column parent_id;
