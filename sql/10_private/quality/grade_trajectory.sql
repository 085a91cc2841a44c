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

-- Returns for each expected call the places of the calls that it may be, in order.
create or replace function howdah_private.possible_calls(
  actual jsonb, expected jsonb, configuration jsonb
) returns table (wanted int, places int[])
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select w.place, array(
    select c.place from howdah_private.trajectory_calls(
      possible_calls.actual, possible_calls.configuration -> 'tools') as c
    where c.name = w.name and howdah_private.has_arguments(c.arguments, w.arguments,
      coalesce(possible_calls.configuration ->> 'arguments', 'equal'))
    order by c.place)
  from howdah_private.trajectory_calls(
    possible_calls.expected, possible_calls.configuration -> 'tools') as w
$$;

-- Returns how many expected calls were made in their order: each matches the first possible call
-- after the previous match. This is the most that can match, as long as no expected call is
-- missing.
create or replace function howdah_private.calls_in_order(
  actual jsonb, expected jsonb, configuration jsonb
) returns int
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_matched int := 0;
  v_last int := 0;
  v_next int;
  v_places int[];
begin
  for v_places in
    select c.places from howdah_private.possible_calls(calls_in_order.actual,
      calls_in_order.expected, calls_in_order.configuration) as c
    order by c.wanted
  loop
    v_next := (select min(p.place) from unnest(v_places) as p (place) where p.place > v_last);
    if v_next is not null then
      v_matched := v_matched + 1;
      v_last := v_next;
    end if;
  end loop;
  return v_matched;
end $$;

-- Returns the most expected calls that can match different calls, in any order. A call may be
-- possible for several expected ones, so a later expected call can make an earlier one take another
-- call: along an augmenting path, found breadth first (Kuhn's algorithm).
create or replace function howdah_private.calls_in_any_order(
  actual jsonb, expected jsonb, configuration jsonb
) returns int
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_calls record;
  v_possible jsonb := '{}'; -- by expected call, the places of the calls that it may be
  v_matched jsonb := '{}'; -- by place of a call, the expected call that has it
  v_reached jsonb; -- by place of a call, the expected call that looks at it
  v_queue int[];
  v_at int;
  v_place int;
  v_before int;
begin
  for v_calls in
    select c.* from howdah_private.possible_calls(calls_in_any_order.actual,
      calls_in_any_order.expected, calls_in_any_order.configuration) as c
    order by c.wanted
  loop
    v_possible := v_possible || jsonb_build_object(v_calls.wanted, v_calls.places);
    v_reached := '{}';
    v_queue := array[v_calls.wanted];
    v_at := 1;
    <<search>>
    while v_at <= cardinality(v_queue) loop
      for v_place in
        select p.place::int from jsonb_array_elements_text(v_possible -> v_queue[v_at]::text)
          as p (place)
        where not v_reached ? p.place
      loop
        v_reached := v_reached || jsonb_build_object(v_place, v_queue[v_at]);
        if v_matched ? v_place::text then
          v_queue := v_queue || (v_matched ->> v_place::text)::int;
          continue;
        end if;
        -- free: each expected call on the path takes the call that it looks at
        while v_place is not null loop
          v_before := (
            select m.key::int from jsonb_each(v_matched) as m
            where m.value = v_reached -> v_place::text);
          v_matched := v_matched || jsonb_build_object(v_place, v_reached -> v_place::text);
          v_place := v_before;
        end loop;
        exit search;
      end loop;
      v_at := v_at + 1;
    end loop;
  end loop;
  return (select count(*) from jsonb_object_keys(v_matched));
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
  v_matched := case when grade_trajectory.configuration ->> 'match' = 'any_order'
    then howdah_private.calls_in_any_order(
      grade_trajectory.actual, v_wanted, grade_trajectory.configuration)
    else howdah_private.calls_in_order(
      grade_trajectory.actual, v_wanted, grade_trajectory.configuration) end;
  return jsonb_strip_nulls(jsonb_build_object(
    'score', case when v_expected = 0 then 1 else v_matched::numeric / v_expected end,
    'detail', case when v_matched < v_expected
      then format('%s of %s expected calls were made', v_matched, v_expected) end));
end $$;
