-- Up Migration
-- Bounds operators of queries of models and maps that PostgreSQL cannot interrupt, and whose
-- operands cannot be told from the text of the query. howdah_bounded comes first in their path.

create function howdah_bounded.without_keys(a jsonb, keys text[]) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(keys) > 1000 then
    raise exception using errcode = 'HWINV',
      message = format('the query removes %s keys from a value, at most 1000 are allowed',
        cardinality(keys)),
      detail = jsonb_build_object('most', 1000)::text,
      hint = 'Use jsonb_each, and join the keys.';
  end if;
  return a - keys;
end $$;
create operator howdah_bounded.- (
  function = howdah_bounded.without_keys, leftarg = jsonb, rightarg = text[]);

-- Ranking compares each word of a query with each other one. Functions read at most 500 characters.
create function howdah_bounded.check_words(words int) returns boolean
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if words > 500 then
    raise exception using errcode = 'HWINV',
      message = format('the query makes a text search of %s words, at most 500 are allowed', words),
      detail = jsonb_build_object('most', 500)::text,
      hint = 'Search for fewer words at once.';
  end if;
  return true;
end $$;
create or replace function howdah_bounded.concatenate(a tsquery, b tsquery) returns tsquery
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.check_words(numnode(a) + numnode(b)) then a || b end;
end $$;
create function howdah_bounded.both_words(a tsquery, b tsquery) returns tsquery
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.check_words(numnode(a) + numnode(b)) then a && b end;
end $$;
create function howdah_bounded.next_words(a tsquery, b tsquery) returns tsquery
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.check_words(numnode(a) + numnode(b)) then a <-> b end;
end $$;
create operator howdah_bounded.&& (
  function = howdah_bounded.both_words, leftarg = tsquery, rightarg = tsquery);
create operator howdah_bounded.<-> (
  function = howdah_bounded.next_words, leftarg = tsquery, rightarg = tsquery);

-- The distance of two shapes compares each of their lines with each other one, and + joins paths.
create function howdah_bounded.refuse_shapes(a path, b path) returns path
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = 'a query may not combine paths or polygons with each other',
    hint = 'Compare their centers or boxes: box(…), point(…).';
end $$;
create function howdah_bounded.refuse_distance(a path, b path) returns float8
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_bounded.refuse_shapes(a, b);
  return null;
end $$;
create function howdah_bounded.refuse_distance(a polygon, b polygon) returns float8
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_bounded.refuse_shapes(null, null);
  return null;
end $$;
create operator howdah_bounded.+ (
  function = howdah_bounded.refuse_shapes, leftarg = path, rightarg = path);
create operator howdah_bounded.<-> (
  function = howdah_bounded.refuse_distance, leftarg = path, rightarg = path);
create operator howdah_bounded.<-> (
  function = howdah_bounded.refuse_distance, leftarg = polygon, rightarg = polygon);

revoke all on all functions in schema howdah_bounded from public;
grant execute on all functions in schema howdah_bounded to howdah_reader;

-- Down Migration
drop operator howdah_bounded.<-> (polygon, polygon);
drop operator howdah_bounded.<-> (path, path);
drop operator howdah_bounded.+ (path, path);
drop operator howdah_bounded.<-> (tsquery, tsquery);
drop operator howdah_bounded.&& (tsquery, tsquery);
drop operator howdah_bounded.- (jsonb, text[]);
drop function howdah_bounded.refuse_distance(polygon, polygon);
drop function howdah_bounded.refuse_distance(path, path);
drop function howdah_bounded.refuse_shapes(path, path);
drop function howdah_bounded.next_words(tsquery, tsquery);
drop function howdah_bounded.both_words(tsquery, tsquery);
create or replace function howdah_bounded.concatenate(a tsquery, b tsquery) returns tsquery
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when howdah_bounded.is_short(pg_column_size(a)::bigint + pg_column_size(b))
      then a || b end;
end $$;
drop function howdah_bounded.check_words(int);
drop function howdah_bounded.without_keys(jsonb, text[]);
-- sql/99_embedded.sql had revoked these rights.
reset role;
do $$
declare
  v_function regprocedure;
begin
  if current_setting('cluster_name') = 'howdah' and exists (
    select from pg_catalog.pg_roles as r where r.rolname = session_user and r.rolsuper
  ) then
    for v_function in
      select p.oid::regprocedure from pg_catalog.pg_proc as p
      where p.pronamespace = 'pg_catalog'::regnamespace and (
        p.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
        or p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message'))
    loop
      execute format('grant execute on function %s to public', v_function);
    end loop;
    execute format('grant temporary on database %I to public', current_database());
  end if;
end $$;
set local role howdah_owner;
