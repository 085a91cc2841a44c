-- The grader of the calls of tools of a run. It compares them with expected calls:
--
--   [{"name": "find_order", "arguments": {"id": 7}}, {"name": "refund"}]
--
-- A name alone, such as "refund", is a call with any arguments. The score is the share of the
-- expected calls that were made, and 0 if a call was made that must not be.
--
--   match      exact: these calls and no others, in this order
--              in_order (default): these calls in this order, others between them
--              any_order: these calls, in any order, and others
--   arguments  equal (default): the arguments are those, numbers by value
--              contains: the arguments contain those
--              ignore: any arguments
--   tools      only calls of these tools count, such as those that write
--   forbidden  tools that must not be called
--
-- Where no calls are expected, none may be made, unless only some are forbidden.

-- Returns calls as rows, in order.
create or replace function howdah_private.trajectory_calls(calls jsonb, tools jsonb)
  returns table (place int, name text, arguments jsonb)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select row_number() over (order by c.place)::int, n.name,
    case when jsonb_typeof(c.call) = 'object' then c.call -> 'arguments' end
  from jsonb_array_elements(case when jsonb_typeof(trajectory_calls.calls) = 'array'
    then trajectory_calls.calls else '[]' end) with ordinality as c (call, place)
  cross join lateral (
    select case when jsonb_typeof(c.call) = 'object' then c.call ->> 'name'
      else c.call #>> '{}' end as name
  ) as n
  where trajectory_calls.tools is null or trajectory_calls.tools ? n.name
$$;

-- Returns whether a call has the expected arguments.
create or replace function howdah_private.has_arguments(found jsonb, wanted jsonb, how text)
  returns boolean
  language sql immutable
  return has_arguments.wanted is null or coalesce(case has_arguments.how
    when 'ignore' then true
    when 'contains' then has_arguments.found @> has_arguments.wanted
    else has_arguments.found = has_arguments.wanted end, false);

-- Returns how many expected calls were made: each matches the first call that is left, after the
-- previous match if the order counts. For calls in order this is the most that can match, as long
-- as no expected call is missing.
create or replace function howdah_private.matched_calls(
  actual jsonb, expected jsonb, configuration jsonb
) returns int
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tools jsonb := matched_calls.configuration -> 'tools';
  v_how text := coalesce(matched_calls.configuration ->> 'arguments', 'equal');
  v_has_order boolean := matched_calls.configuration ->> 'match' is distinct from 'any_order';
  v_used int[] := '{}';
  v_wanted record;
  v_place int;
begin
  for v_wanted in
    select c.* from howdah_private.trajectory_calls(matched_calls.expected, v_tools) as c
    order by c.place
  loop
    select c.place into v_place
    from howdah_private.trajectory_calls(matched_calls.actual, v_tools) as c
    where c.name = v_wanted.name and c.place <> all (v_used)
      and (not v_has_order or c.place > coalesce(v_used[cardinality(v_used)], 0))
      and howdah_private.has_arguments(c.arguments, v_wanted.arguments, v_how)
    order by c.place limit 1;
    if found then
      v_used := v_used || v_place;
    end if;
  end loop;
  return cardinality(v_used);
end $$;

create or replace function howdah_private.grade_trajectory(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted jsonb := coalesce(
    grade_trajectory.configuration -> 'calls', grade_trajectory.expected);
  v_tools jsonb := grade_trajectory.configuration -> 'tools';
  v_is_exact boolean := coalesce(grade_trajectory.configuration ->> 'match' = 'exact', false);
  v_forbids boolean := grade_trajectory.configuration ? 'forbidden';
  v_found int := (
    select count(*) from howdah_private.trajectory_calls(grade_trajectory.actual, v_tools));
  v_expected int := (select count(*) from howdah_private.trajectory_calls(v_wanted, v_tools));
  v_forbidden text := (
    select min(c.name) from howdah_private.trajectory_calls(grade_trajectory.actual, null) as c
    where grade_trajectory.configuration -> 'forbidden' ? c.name);
  v_matched int;
begin
  if v_forbidden is not null then
    return howdah_private.grade_if(false, format('%s was called', v_forbidden));
  elsif jsonb_typeof(v_wanted) is distinct from 'array' and not v_forbids then
    return howdah_private.grade_if(false, 'the item expects no array of calls');
  elsif (v_is_exact or v_expected = 0 and not v_forbids) and v_found > v_expected then
    return howdah_private.grade_if(false, format('%s calls more than the %s expected ones',
      v_found - v_expected, v_expected));
  end if;
  v_matched := howdah_private.matched_calls(
    grade_trajectory.actual, v_wanted, grade_trajectory.configuration);
  return jsonb_strip_nulls(jsonb_build_object(
    'score', case when v_expected = 0 then 1 else v_matched::numeric / v_expected end,
    'detail', case when v_matched < v_expected
      then format('%s of %s expected calls were made', v_matched, v_expected) end));
end $$;
