-- Comparison of two runs: how they began, what they did step by step, and how they ended.
-- Everything is read with the rights of the caller.
--
-- Logs are aligned by the content of their steps, not by number: one extra attempt would shift all
-- later steps. The work grows with the total number of steps. Nested loops and merge joins are off,
-- since they could compare every step with every other one. A merge join by a part of its key does
-- so as well. The cost penalty of these settings would trigger jit, so it is off too.

-- Returns the steps of a run for comparison: a digest of each step, or the texts of the steps in
-- `seqs`. Values that differ in every run are left out, as in a replay: ids of questions and
-- children, and random delays. So are usage, times, workers and the call ids of models. Without
-- texts, only kinds, names and codes of errors are compared: two ciphertexts always differ.
create or replace function howdah_private.compared_steps(
  execution_id uuid, seqs int[] default null, with_texts boolean default true
)
  returns table (seq int, kind howdah.step_kind, name text, asked text, digest bytea, texts jsonb)
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_nestloop = off set enable_mergejoin = off set jit = off
as $$
  with said as materialized (
    select m.step_seq, string_agg(m.content, E'\n' order by m.seq) as content,
      string_agg((
        select string_agg(
          concat_ws(' ', c.call ->> 'name', c.call ->> 'arguments'), E'\n' order by c.place
        )
        from jsonb_array_elements(m.tool_calls) with ordinality as c (call, place)
      ), E'\n' order by m.seq) as calls,
      string_agg(m.parts::text, E'\n' order by m.seq) as parts
    from howdah.messages as m
    where m.execution_id = compared_steps.execution_id and m.step_seq is not null
      and compared_steps.with_texts
      and (compared_steps.seqs is null or m.step_seq = any (compared_steps.seqs))
    group by m.step_seq
  ),
  done as (
    select s.seq, s.kind, s.name, case when compared_steps.with_texts then s.error
        else howdah_private.pick_fields(s.error, array['code']) end as error,
      t.content, t.calls, t.parts,
      howdah_private.without_fields(case when compared_steps.with_texts then s.input end,
        case s.kind when 'question' then '{question_id,dry_run}' when 'fork' then '{execution_id}'
        else '{}' end::text[]) as input,
      howdah_private.without_fields(case when compared_steps.with_texts then s.output end,
        case s.kind when 'retry' then '{delay_ms,not_before}' when 'answer' then '{question_id}'
        when 'child_started' then '{execution_id}' when 'child' then '{execution_id}'
        else '{}' end::text[]) as output
    from howdah.steps as s left join said as t on t.step_seq = s.seq
    where s.execution_id = compared_steps.execution_id
      and (compared_steps.seqs is null or s.seq = any (compared_steps.seqs))
  )
  select d.seq, d.kind, d.name,
    case when compared_steps.seqs is null then coalesce(d.input, d.calls) end,
    case when compared_steps.seqs is null then sha256(convert_to(row(
      d.kind, d.name, d.error ->> 'code', d.error ->> 'message', d.parts,
      sha256(convert_to(d.input, 'UTF8')), sha256(convert_to(d.content, 'UTF8')),
      sha256(convert_to(d.calls, 'UTF8')), sha256(convert_to(d.output, 'UTF8'))
    )::text, 'UTF8')) end,
    case when compared_steps.seqs is not null then jsonb_build_object(
      'name', d.name, 'input', d.input, 'said', d.content, 'calls', d.calls, 'output', d.output,
      'error_code', d.error ->> 'code', 'error', d.error ->> 'message', 'parts', d.parts
    ) end
  from done as d
$$;

-- Returns a document as text without some of its fields, or null if nothing is left.
create or replace function howdah_private.without_fields(document jsonb, fields text[]) returns text
  language sql immutable parallel safe
  return case when jsonb_typeof(without_fields.document) <> 'object'
      then without_fields.document #>> '{}'
    else nullif((without_fields.document - without_fields.fields)::text, '{}') end;

-- Aligns two lists of step keys. Returns for each element of `a` its position in `b`, or null.
-- Pairs in `known` are kept. Further pairs are sought between the known ones, among equal keys: the
-- first occurrence in `a` with the first in `b`, the second with the second. The largest set of
-- such pairs without a crossing is kept (longest increasing subsequence, n log n).
create or replace function howdah_private.align_steps(a bigint[], b bigint[], known int[])
  returns int[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
  set enable_nestloop = off set enable_mergejoin = off set jit = off
as $$
declare
  v_aligned int[] := known;
  v_as int[]; v_bs int[]; -- the pairs, in the order of a
  v_ends int[] := '{}'; -- per length, the last pair of the subsequence with the lowest place in b
  v_before int[] := '{}'; -- the previous pair in the subsequence, 0 for the first
  v_length int := 0;
  v_low int; v_high int; v_middle int; v_pair int;
begin
  with of_a as (
    select x.key, x.place, x.gap,
      row_number() over (partition by x.gap, x.key order by x.place) as nth
    from (
      select k.key, k.place, k.b, count(k.b) over (order by k.place) as gap
      from unnest(align_steps.a, align_steps.known) with ordinality as k (key, b, place)
    ) as x where x.b is null
  ),
  of_b as (
    select x.key, x.place, x.gap,
      row_number() over (partition by x.gap, x.key order by x.place) as nth
    from (
      select k.key, k.place, n.b, count(n.b) over (order by k.place) as gap
      from unnest(align_steps.b) with ordinality as k (key, place)
      left join unnest(align_steps.known) as n (b) on n.b = k.place
    ) as x where x.b is null
  )
  select array_agg(x.place order by x.place), array_agg(y.place order by x.place) into v_as, v_bs
  from of_a as x join of_b as y using (gap, key, nth);
  for v_pair in 1 .. coalesce(cardinality(v_as), 0) loop
    v_low := 0; v_high := v_length;
    if v_length > 0 and v_bs[v_ends[v_length]] < v_bs[v_pair] then
      v_low := v_length; -- most pairs extend the longest subsequence
    end if;
    while v_low < v_high loop
      v_middle := (v_low + v_high + 1) / 2;
      if v_bs[v_ends[v_middle]] < v_bs[v_pair] then
        v_low := v_middle;
      else
        v_high := v_middle - 1;
      end if;
    end loop;
    v_before[v_pair] := case when v_low > 0 then v_ends[v_low] else 0 end;
    v_ends[v_low + 1] := v_pair;
    v_length := greatest(v_length, v_low + 1);
  end loop;
  v_pair := case when v_length > 0 then v_ends[v_length] else 0 end;
  while v_pair > 0 loop
    v_aligned[v_as[v_pair]] := v_bs[v_pair];
    v_pair := v_before[v_pair];
  end loop;
  return v_aligned;
end $$;

-- Aligns the steps of two logs. Equal steps are aligned first, then steps with the same input and a
-- different result, then steps of one kind and name. Model steps may differ in the model. The first
-- `shared` steps are equal, since they are copies. `place` is the order for display: steps only in
-- `a` come before steps only in `b`.
create or replace function howdah_private.compared_logs(
  a uuid, b uuid, shared int, with_texts boolean
)
  returns table (a_seq int, b_seq int, kind howdah.step_kind, name text, is_same boolean,
    place bigint)
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_nestloop = off set enable_mergejoin = off set jit = off
as $$
  with steps as materialized (
    select x.log, s.seq, s.kind, s.name, s.digest,
      case when s.seq <= compared_logs.shared then s.seq
        else hashtextextended(s.digest::text, 0) end as whole,
      hashtextextended(concat_ws('|', s.kind, s.name, s.asked), 1) as asked,
      hashtextextended(
        concat_ws('|', s.kind, case when s.kind <> 'model' then s.name end), 2
      ) as sort
    from (values ('a', compared_logs.a), ('b', compared_logs.b)) as x (log, id)
    cross join lateral howdah_private.compared_steps(x.id, null, compared_logs.with_texts) as s
  ),
  keys as (
    select x.log, array_agg(x.whole order by x.seq) as whole,
      array_agg(x.asked order by x.seq) as asked, array_agg(x.sort order by x.seq) as sort
    from steps as x group by x.log
  ),
  pairs as materialized (
    select p.a, p.b from keys as x join keys as y on (x.log, y.log) = ('a', 'b')
    cross join lateral unnest(howdah_private.align_steps(x.sort, y.sort,
      howdah_private.align_steps(x.asked, y.asked,
        howdah_private.align_steps(x.whole, y.whole,
          array_fill(null::int, array[cardinality(x.whole)])
        )
      )
    )) with ordinality as p (b, a)
  ),
  aligned as (
    select x.seq as a, y.seq as b, coalesce(x.kind, y.kind) as kind,
      coalesce(x.name, y.name) as name,
      x.seq is not null and y.seq is not null
        and (x.seq <= compared_logs.shared or x.digest = y.digest) as is_same
    from (
      select s.*, p.b as pair from steps as s left join pairs as p on p.a = s.seq where s.log = 'a'
    ) as x
    full join (select s.* from steps as s where s.log = 'b') as y on y.seq = x.pair
  ),
  placed as (
    select l.*, case
      when l.a is not null
        then count(case when l.a is not null then l.b end) over (order by l.a)
      else count(case when l.b is not null then l.a end) over (order by l.b) end as pairs_before
    from aligned as l
  )
  select p.a, p.b, p.kind, p.name, p.is_same,
    row_number() over (order by p.pairs_before, p.a is null or p.b is null, p.a, p.b)
  from placed as p
$$;

-- Returns what two logs have in common and where they differ, with the first thousand changes.
create or replace function howdah_private.log_differences(
  a uuid, b uuid, shared int, with_texts boolean
)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
  set enable_nestloop = off set enable_mergejoin = off set jit = off
as $$
  with aligned as materialized (
    select l.*, row_number() over (partition by l.is_same order by l.place) as nth
    from howdah_private.compared_logs(
      log_differences.a, log_differences.b, log_differences.shared, log_differences.with_texts
    ) as l
  ),
  listed as materialized (
    select l.* from aligned as l where not l.is_same and l.nth <= 1000
  ),
  changes as (
    select t.place,
      howdah_private.step_change(t.a_seq, t.b_seq, t.kind, t.name, x.texts, y.texts) as change
    from listed as t
    left join howdah_private.compared_steps(
      log_differences.a, array(select o.a_seq from listed as o where o.a_seq is not null),
      log_differences.with_texts
    ) as x on x.seq = t.a_seq
    left join howdah_private.compared_steps(
      log_differences.b, array(select o.b_seq from listed as o where o.b_seq is not null),
      log_differences.with_texts
    ) as y on y.seq = t.b_seq
  )
  select jsonb_build_object('same', count(*) filter (where l.is_same),
    'changed', count(*) filter (
      where not l.is_same and l.a_seq is not null and l.b_seq is not null
    ),
    'only_a', count(*) filter (where l.b_seq is null),
    'only_b', count(*) filter (where l.a_seq is null),
    'parts_at', min(least(l.a_seq, l.b_seq)) filter (where not l.is_same),
    'changes', (select coalesce(to_jsonb(array_agg(
      c.change order by c.place)), '[]') from changes as c),
    'left_off', count(*) filter (where not l.is_same and l.nth > 1000))
  from aligned as l
$$;

-- Describes a step that is in one of two logs only, or that differs between them. Redundant
-- differences are left out: the output of a model step beside its text or calls, and a result in
-- the form that the model received beside the result itself.
create or replace function howdah_private.step_change(
  a int, b int, kind howdah.step_kind, name text, a_texts jsonb, b_texts jsonb
)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with differing as (
    select f.field, f.place,
      step_change.a_texts ->> f.field as a, step_change.b_texts ->> f.field as b
    from unnest(
      '{name,input,said,calls,output,error_code,error,parts}'::text[]
    ) with ordinality as f (field, place)
    where (step_change.a_texts ->> f.field) is distinct from (step_change.b_texts ->> f.field)
      and (f.field <> 'name' or (step_change.a is not null and step_change.b is not null))
  )
  select jsonb_build_object(
    'what', case when step_change.b is null then 'only_a' when step_change.a is null then 'only_b'
      else 'changed' end,
    'a', step_change.a, 'b', step_change.b, 'kind', step_change.kind, 'name', step_change.name,
    'differences', coalesce(to_jsonb(array_agg(
      jsonb_build_object('field', d.field)
        || howdah_private.distinguish_steps(d.a, d.b, true) order by d.place
    ) filter (where case
      when step_change.kind = 'model' and d.field = 'output'
        then not exists (select from differing as o where o.field in ('said', 'calls'))
      when step_change.kind <> 'model' and d.field = 'said'
        then not exists (select from differing as o where o.field in ('input', 'output', 'error'))
      else true end)), '[]'))
  from differing as d
$$;

-- Returns two texts, cut around the place where they begin to differ: texts of a step to 500
-- characters, texts of a run to 20,000. An ellipsis marks each cut. The place is found by a search
-- in bytes with halving steps, so that each byte is compared once.
create or replace function howdah_private.distinguish_steps(a text, b text, is_of_step boolean)
  returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most int := case when is_of_step then 500 else 20000 end;
  v_a bytea; v_b bytea;
  v_least int;
  v_same int := 0; -- length of the common beginning, in bytes
  v_step int;
  v_from int := 1;
begin
  if coalesce(greatest(length(a), length(b)), 0) <= v_most then
    return jsonb_build_object('a', a, 'b', b);
  end if;
  v_a := convert_to(coalesce(a, ''), 'UTF8'); v_b := convert_to(coalesce(b, ''), 'UTF8');
  v_least := least(octet_length(v_a), octet_length(v_b));
  v_step := v_least;
  while v_step > 0 loop
    if v_same + v_step <= v_least
      and substring(v_a, v_same + 1, v_step) = substring(v_b, v_same + 1, v_step) then
      v_same := v_same + v_step;
    else
      v_step := v_step / 2;
    end if;
  end loop;
  while v_same > 0 and v_same < v_least and get_byte(v_a, v_same) between 128 and 191 loop
    v_same := v_same - 1; -- inside of a multibyte character
  end loop;
  v_same := length(convert_from(substring(v_a, 1, v_same), 'UTF8'));
  if v_same > v_most / 2 then
    v_from := v_same - v_most / 4;
  end if;
  return (
    select json_object_agg(t.run,
      case when v_from > 1 then '…' else '' end || substr(t.value, v_from, v_most)
        || case when length(t.value) >= v_from + v_most then '…' else '' end)::jsonb
    from (values ('a', a), ('b', b)) as t (run, value)
  );
end $$;

-- Returns the row of a run with its agent or workflow, version and models.
create or replace function howdah_private.compared_run(id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.exported_execution(e.id) || jsonb_build_object(
    'agent', case when e.workflow_id is null then v.definition #>> '{agent,name}' end,
    'workflow', case when e.workflow_id is not null then v.definition #>> '{agent,name}' end,
    'version', v.version,
    'models', nullif(jsonb_path_query_array(v.definition, '$.models[*].name'), '[]'),
    'history', nullif(howdah_private.run_history(e.id), '[]'),
    'is_erased', e.contents_erased_at is not null,
    'is_encrypted', e.contents_encrypted_at is not null)
  from howdah.executions as e
  left join lateral (
    select a.version, a.definition from howdah.agent_versions as a
    where a.id = howdah_private.version_after(e.id, 0)
    union all
    select w.version, w.definition from howdah.workflow_versions as w
    where w.id = e.workflow_version_id
  ) as v on true
  where e.id = compared_run.id
$$;

-- Returns the given columns that differ between two runs, in the given order.
create or replace function howdah_private.run_differences(a jsonb, b jsonb, fields text[])
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('field', f.field) || howdah_private.distinguish_steps(
      run_differences.a ->> f.field, run_differences.b ->> f.field, false
    ) order by f.place
  )), '[]')
  from unnest(run_differences.fields) with ordinality as f (field, place)
  where (run_differences.a -> f.field) is distinct from (run_differences.b -> f.field)
$$;

-- Returns the figures of a run: its own, `total_` with those of its child runs, and its children
-- grouped by name and status.
create or replace function howdah_private.run_figures(run jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('execution_id', e.id, 'agent', run -> 'agent',
    'workflow', run -> 'workflow', 'version', run -> 'version',
    'forked_from_execution_id', e.forked_from_execution_id, 'forked_from_seq', e.forked_from_seq,
    'status', e.status, 'stop_reason', e.stop_reason,
    'finish_reason', e.finish_reason, 'is_erased', run -> 'is_erased',
    'is_encrypted', run -> 'is_encrypted',
    'created_at', run -> 'created_at',
    'seconds', round(extract(epoch from e.completed_at - e.started_at), 3), 'steps', n.step_count,
    'tokens_in', n.tokens_in, 'tokens_out', n.tokens_out, 'cost', trim_scale(n.cost),
    'total_tokens_in', n.tokens_in + e.children_tokens_in,
    'total_tokens_out', n.tokens_out + e.children_tokens_out,
    'total_cost', trim_scale(n.cost + e.children_cost)) || (
    select jsonb_build_object('model_calls', count(*) filter (where s.kind = 'model'),
      'tool_calls', count(*) filter (where s.kind = 'tool'),
      'retries', count(*) filter (where s.kind = 'retry'))
    from howdah.steps as s where s.execution_id = e.id
  ) || jsonb_build_object('children', (
    select coalesce(to_jsonb(array_agg(
      to_jsonb(c) order by c.agent, c.workflow, c.status)), '[]') from (
      select a.name as agent, w.name as workflow, x.status, count(*) as runs,
        trim_scale(sum(coalesce(h.cost, x.cost) + x.children_cost)) as cost
      from howdah.executions as x
      left join howdah_private.run_heads as h on h.execution_id = x.id
      left join howdah.agents as a on a.id = x.agent_id
      left join howdah.workflows as w on w.id = x.workflow_id
      where x.parent_execution_id = e.id group by a.name, w.name, x.status
    ) as c
  ))
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  cross join lateral (
    select coalesce(h.step_count, e.step_count) as step_count,
      coalesce(h.tokens_in, e.tokens_in) as tokens_in,
      coalesce(h.tokens_out, e.tokens_out) as tokens_out, coalesce(h.cost, e.cost) as cost
  ) as n
  where e.id = (run ->> 'id')::uuid
$$;

-- Returns the number of first steps that two runs share because of a fork: one is a fork of the
-- other, or both are forks of a third run.
create or replace function howdah_private.shared_steps(a jsonb, b jsonb) returns int
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(case
    when b ->> 'forked_from_execution_id' = a ->> 'id' then (b ->> 'forked_from_seq')::int
    when a ->> 'forked_from_execution_id' = b ->> 'id' then (a ->> 'forked_from_seq')::int
    when a ->> 'forked_from_execution_id' = b ->> 'forked_from_execution_id'
      then least((a ->> 'forked_from_seq')::int, (b ->> 'forked_from_seq')::int) end, 0)
$$;
