-- Dropping of whole months whose runs no tenant keeps (src/db/retention/drop-months.ts). The steps:
--   1. Delete run by run the trees that reach into other months (delete_unaligned_trees).
--   2. Freeze the month (freeze_month), and count the usage that the rollup does not have yet
--      (close_month). If a run blocks the month after all, open it again (unfreeze_month).
--   3. Delete the rows of other tables that belong to its runs (delete_side_rows_of_month).
--   4. Detach the partitions concurrently and drop them, by statements that no function may run.
-- Each step is a transaction of its own, and continues where the last one ended. Sessions without
-- runs are deleted afterwards, by the retention of their tenant (retain_tenant).

-- Returns the bounds of a month as ids.
create or replace function howdah_private.month_bounds(
  month date, out first_id uuid, out next_id uuid
)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah.uuid_v7_floor(month_bounds.month::timestamp at time zone 'UTC'),
    howdah.uuid_v7_floor((month_bounds.month + interval '1 month') at time zone 'UTC')
$$;

-- Returns the reasons why a month cannot be dropped; no rows when it can. Searches by index, except
-- for the runs of tenants with runs in the month.
create or replace function howdah_private.month_blockers(month date) returns setof text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_first uuid := (howdah_private.month_bounds(month_blockers.month)).first_id;
  v_next uuid := (howdah_private.month_bounds(month_blockers.month)).next_id;
  v_ends_at timestamptz := (month_blockers.month + interval '1 month') at time zone 'UTC';
begin
  return query
  with live as (
    select count(*) as runs from howdah.executions as e
    where e.status in ('queued', 'running', 'waiting', 'paused')
      and ((e.id >= v_first and e.id < v_next)
        or (e.root_execution_id >= v_first and e.root_execution_id < v_next)
        or e.id in (select m.root_execution_id from howdah.executions as m
          where m.id >= v_first and m.id < v_next and m.parent_execution_id is not null
            and m.root_execution_id < v_first))
  ),
  tenants as (
    select t.id, t.slug, p.keep_runs_days as days from howdah.tenants as t
    left join howdah.retention_policies as p on p.tenant_id = t.id
    where exists (
      select from howdah.executions as e
      where e.tenant_id = t.id and e.id >= v_first and e.id < v_next)
  ),
  recent as (
    select count(*) as runs from tenants as h
    join howdah.executions as e
      on e.tenant_id = h.id and e.completed_at > now() - make_interval(days => h.days)
    where v_ends_at <= now() - make_interval(days => h.days)
      and ((e.id >= v_first and e.id < v_next)
        or (e.root_execution_id = e.id and e.id < v_first and exists (
          select from howdah.executions as m
          where m.root_execution_id = e.id and m.parent_execution_id is not null
            and m.id >= v_first and m.id < v_next)))
  )
  select format('%s runs have not ended', l.runs) from live as l where l.runs > 0
  union all
  select format('tenant %s keeps its runs for ever', h.slug) from tenants as h where h.days is null
  union all
  select format('tenant %s keeps its runs until %s', h.slug,
    to_char((v_ends_at + make_interval(days => h.days)) at time zone 'UTC', 'YYYY-MM-DD'))
  from tenants as h where v_ends_at > now() - make_interval(days => h.days)
  union all
  select format('%s runs ended within the retention period', l.runs)
  from recent as l where l.runs > 0
  union all
  select 'the usage of its runs is not counted yet: run npx howdah migrate up'
  from howdah_private.backfills as b
  where b.name = 'usage' and coalesce(b.reached < v_next, true);
end $$;

-- Returns the months before the last one, and the months that are closed (counted), with the
-- reasons why they cannot be dropped. Returns only closed months while no tenant deletes runs.
create or replace function howdah_private.old_months()
  returns table (month date, is_closed boolean, runs bigint, blockers text[])
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with months as (
    select to_date(substr(c.relname, 12), 'YYYY_MM') as month
    from pg_catalog.pg_inherits as i join pg_catalog.pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'howdah.executions'::regclass and c.relname ~ '^executions_\d{4}_\d{2}$'
      and exists (select from howdah.retention_policies as p where p.keep_runs_days is not null)
    union
    select m.month from howdah_private.closed_months as m where m.dropped_at is null
  )
  select m.month, c.runs is not null, c.runs,
    case when c.runs is null then array(select howdah_private.month_blockers(m.month)) else '{}' end
  from months as m
  left join howdah_private.closed_months as c on c.month = m.month and c.dropped_at is null
  where m.month < date_trunc('month', now() at time zone 'UTC') - interval '1 month'
  order by m.month
$$;

-- Returns the roots of trees that have runs in this month and in others, and of trees whose
-- sessions are still active. These trees are deleted run by run, so that nothing that stays loses a
-- part.
create or replace function howdah_private.unaligned_trees(month date, batch int default 1)
  returns setof uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_first uuid := (howdah_private.month_bounds(unaligned_trees.month)).first_id;
  v_next uuid := (howdah_private.month_bounds(unaligned_trees.month)).next_id;
begin
  return query
  select e.root_execution_id from howdah.executions as e
  where e.parent_execution_id is not null and e.root_execution_id < v_first
    and e.id >= v_first and e.id < v_next
  union
  select e.root_execution_id from howdah.executions as e
  where e.parent_execution_id is not null and e.root_execution_id >= v_first
    and e.root_execution_id < v_next and e.id >= v_next
  union
  select e.root_execution_id from howdah.executions as e
  join howdah.sessions as s on s.tenant_id = e.tenant_id and s.id = e.session_id
  join howdah.retention_policies as p on p.tenant_id = e.tenant_id
  where e.id >= v_first and e.id < v_next
    and s.last_activity_at >= now() - make_interval(days => p.keep_runs_days)
  limit unaligned_trees.batch;
end $$;

-- Deletes a batch of such trees and returns their number. The caller repeats it until it returns 0.
create or replace function howdah_private.delete_unaligned_trees(month date, batch int default 200)
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_roots uuid[];
begin
  if exists (select from howdah_private.month_blockers(delete_unaligned_trees.month)) then
    return 0;
  end if;
  v_roots := array(select howdah_private.unaligned_trees(
    delete_unaligned_trees.month, delete_unaligned_trees.batch));
  perform howdah_private.delete_runs(array(
    select e.id::uuid from howdah.executions as e where e.id = any (v_roots)
    union all
    select e.id::uuid from howdah.executions as e
    where e.root_execution_id = any (v_roots) and e.parent_execution_id is not null
  )) where cardinality(v_roots) > 0;
  return cardinality(v_roots);
end $$;

-- Returns the statement that freezes the runs of a month: none begins, ends or changes after it.
create or replace function howdah_private.freeze_month_statement(month date) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format('create or replace trigger _000_refuse_closed
    before insert or delete or update of status, tokens_in, tokens_out, cost, step_count '
    'on howdah_private.%I
    for each row execute function howdah_private.tg__refuse_closed()',
    'executions_' || to_char(freeze_month_statement.month, 'YYYY_MM'))
$$;

-- Freezes a month unless it is frozen. The lock covers only the partition of the month, for a
-- moment: it waits for the writers of the month, and later writers find the month frozen. Under the
-- lock only live runs are checked: a frozen run could not end. The function belongs to
-- howdah_owner, since only the owner of a table may create a trigger on it.
create or replace function howdah_private.freeze_month(month date) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_first uuid := (howdah_private.month_bounds(freeze_month.month)).first_id;
  v_next uuid := (howdah_private.month_bounds(freeze_month.month)).next_id;
  v_live bigint;
begin
  if exists (
    select from howdah_private.closed_months as c
    where c.month = freeze_month.month and c.dropped_at is null
  ) then
    return;
  end if;
  execute format('lock table howdah_private.%I in share row exclusive mode',
    'executions_' || to_char(freeze_month.month, 'YYYY_MM'));
  select count(*) into v_live from howdah.executions as e
  where e.id >= v_first and e.id < v_next
    and e.status in ('queued', 'running', 'waiting', 'paused');
  perform howdah_private.check_month_blockers(
    freeze_month.month, array[format('%s runs have not ended', v_live)])
  where v_live > 0;
  insert into howdah_private.closed_months as c (month, first_id, next_id)
  values (freeze_month.month, v_first, v_next)
  on conflict on constraint closed_months_pkey do update
  set runs = null, cleared_to = null, archive = null, closed_at = excluded.closed_at,
    dropped_at = null;
  execute howdah_private.freeze_month_statement(freeze_month.month);
end $$;

-- Counts the usage of a frozen month that the rollup does not have yet, since it is read from the
-- steps. Freezes the month first if necessary. Returns the number of runs. A run may be deleted
-- meanwhile: who locks its event first counts it.
create or replace function howdah_private.close_month(month date) returns bigint
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_closing howdah_private.closed_months;
  v_runs bigint;
begin
  perform howdah_private.freeze_month(close_month.month);
  select c.* into v_closing from howdah_private.closed_months as c
  where c.month = close_month.month for update;
  if v_closing.runs is not null then
    return v_closing.runs;
  end if;
  perform howdah_private.check_month_blockers(close_month.month,
    array(select howdah_private.month_blockers(close_month.month))
    || array(select 'a run belongs to a tree or session with runs in other months'
      from howdah_private.unaligned_trees(close_month.month)));
  perform howdah_private.count_usage_of(array(
    select distinct u.execution_id from howdah_private.usage_events as u
    where u.execution_id >= v_closing.first_id and u.execution_id < v_closing.next_id));
  select count(*) into v_runs from howdah.executions as e
  where e.id >= v_closing.first_id and e.id < v_closing.next_id;
  update howdah_private.closed_months as c set runs = v_runs, closed_at = now()
  where c.month = close_month.month;
  return v_runs;
end $$;

-- Opens a month that is frozen but not counted. Disables the trigger instead of dropping it: `drop
-- trigger` would lock out readers too.
create or replace function howdah_private.unfreeze_month(month date) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition regclass := to_regclass(
    'howdah_private.executions_' || to_char(unfreeze_month.month, 'YYYY_MM'));
begin
  delete from howdah_private.closed_months as c
  where c.month = unfreeze_month.month and c.runs is null and c.dropped_at is null;
  if found and exists (
    select from pg_catalog.pg_trigger as t
    where t.tgrelid = v_partition and t.tgname = '_000_refuse_closed'
  ) then
    execute format('alter table %s disable trigger _000_refuse_closed', v_partition);
  end if;
end $$;

create or replace function howdah_private.check_month_blockers(month date, blockers text[])
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(check_month_blockers.blockers) > 0 then
    raise exception using errcode = 'HWCNF',
      message = format('month %s cannot be dropped: %s',
        to_char(check_month_blockers.month, 'YYYY-MM'),
        array_to_string(check_month_blockers.blockers, ', ')),
      detail = jsonb_build_object(
        'month', check_month_blockers.month, 'blockers', check_month_blockers.blockers)::text,
      hint = 'List the months and what blocks them: howdah admin retention months';
  end if;
end $$;

-- Deletes the rows of other tables that belong to a batch of runs of a closed month. Returns the
-- number of runs. The caller repeats it until it returns 0.
create or replace function howdah_private.delete_side_rows_of_month(
  month date, batch int default 1000
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_closed howdah_private.closed_months;
  v_ids uuid[];
begin
  select c.* into v_closed from howdah_private.closed_months as c
  where c.month = delete_side_rows_of_month.month and c.dropped_at is null for update;
  v_ids := array(
    select e.id::uuid from howdah.executions as e
    where e.id >= v_closed.first_id and e.id < v_closed.next_id
      and (v_closed.cleared_to is null or e.id > v_closed.cleared_to)
    order by e.id limit delete_side_rows_of_month.batch
  );
  if cardinality(v_ids) > 0 then
    perform howdah_private.delete_side_rows(v_ids);
    delete from howdah.questions as q where q.execution_id = any (v_ids);
    delete from howdah.approvals as a where a.execution_id = any (v_ids);
    delete from howdah.feedback_entries as f where f.execution_id = any (v_ids);
    delete from howdah_private.tree_orders as o where o.top_execution_id = any (v_ids);
    update howdah_private.closed_months as c set cleared_to = v_ids[cardinality(v_ids)]
    where c.month = delete_side_rows_of_month.month;
  end if;
  return cardinality(v_ids);
end $$;

-- Returns the partitions of a month that still exist, with the state of their detachment.
create or replace function howdah_private.month_partitions(month date)
  returns table (name text, parent text, is_attached boolean, is_pending boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format('howdah_private.%I', c.relname), p.parent::text, i.inhrelid is not null,
    coalesce(i.inhdetachpending, false)
  from unnest(howdah_private.partitioned_tables()) with ordinality as p (parent, place)
  join pg_catalog.pg_class as t on t.oid = p.parent
  join pg_catalog.pg_class as c on c.relnamespace = 'howdah_private'::regnamespace
    and c.relname = t.relname || to_char(month_partitions.month, '_YYYY_MM')
  left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid
  order by p.place
$$;

create or replace function howdah_private.record_month_progress(
  month date, archive text default null, is_dropped boolean default false
)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.closed_months as c
  set archive = coalesce(record_month_progress.archive, c.archive),
    dropped_at = case when record_month_progress.is_dropped then now() else c.dropped_at end
  where c.month = record_month_progress.month
$$;
