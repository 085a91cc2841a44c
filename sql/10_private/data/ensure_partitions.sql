-- Returns the storage settings of the partitions of a table. Each commit updates its run in place:
-- free space on the page keeps these updates out of the indexes (HOT), and a small scale factor
-- vacuums dead rows before a month of them has piled up. Steps and messages are only appended: a
-- page is written, vacuumed once, frozen, and after that only read, often by an index alone.
create or replace function howdah_private.partition_settings(partitioned text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case partition_settings.partitioned
    when 'executions' then 'fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, '
      'autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.05, '
      'autovacuum_analyze_scale_factor = 0.05'
    else 'autovacuum_vacuum_insert_scale_factor = 0.05, '
      'autovacuum_vacuum_insert_threshold = 100000, '
      'autovacuum_freeze_min_age = 0, autovacuum_analyze_scale_factor = 0.05'
  end
$$;

-- Returns the tables that are partitioned by month.
create or replace function howdah_private.partitioned_tables() returns regclass[]
  language sql immutable parallel safe
  return array[
    'howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass
  ];

-- Returns whether a table is attached as a partition. One that is being detached is not.
create or replace function howdah_private.is_attached(partition regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_catalog.pg_inherits as i
    where i.inhrelid = is_attached.partition and not i.inhdetachpending)
$$;

-- Makes one partition as a separate table and attaches it afterwards. Returns whether the partition
-- was missing. `create table … partition of` would lock the whole parent: it waits for every
-- reader, and everybody else waits behind it. While a table is attached, others read and write. The
-- new table is empty, so no rows are checked against its bounds. A table that an operator has
-- detached is attached again with its rows. Owned by howdah_owner, since only the owner of the
-- parent may add partitions.
create or replace function howdah_private.ensure_partition(partitioned regclass, moment timestamptz)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_from timestamp := date_trunc('month', ensure_partition.moment at time zone 'utc');
  v_table text := (select c.relname from pg_catalog.pg_class as c
    where c.oid = ensure_partition.partitioned);
  v_name text := v_table || to_char(v_from, '_YYYY_MM');
  v_partition regclass := to_regclass('howdah_private.' || v_name);
begin
  if howdah_private.is_attached(v_partition) then
    return false;
  end if;
  perform howdah_private.check_month(v_from::date);
  if v_partition is null then
    execute format('create table howdah_private.%I (like %s including all '
        'excluding indexes excluding comments) with (%s)',
      v_name, ensure_partition.partitioned, howdah_private.partition_settings(v_table));
    execute format(
      'alter table howdah_private.%I enable row level security, force row level security', v_name);
  elsif exists (select from pg_catalog.pg_inherits as i where i.inhrelid = v_partition) then
    execute format('alter table %s detach partition howdah_private.%I finalize',
      ensure_partition.partitioned, v_name);
  end if;
  execute format(
    'alter table %s attach partition howdah_private.%I for values from (%L) to (%L)',
    ensure_partition.partitioned, v_name, howdah.uuid_v7_floor(v_from at time zone 'utc'),
    howdah.uuid_v7_floor((v_from + interval '1 month') at time zone 'utc'));
  return true;
end $$;

-- Refuses a month that is being dropped: its partitions are detached on purpose.
create or replace function howdah_private.check_month(month date) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from howdah_private.closed_months as c
    where c.month = check_month.month and c.dropped_at is null
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('month %s is being dropped', to_char(check_month.month, 'YYYY-MM')),
      detail = jsonb_build_object('month', check_month.month)::text,
      hint = 'Finish the drop first: howdah admin retention';
  end if;
end $$;

-- Makes the partitions of the month of `moment`. Returns how many were missing. Waits for locks as
-- ensure_partitions does; the caller tries again later.
create or replace function howdah_private.ensure_month(moment timestamptz) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_table regclass;
  v_made int := 0;
begin
  perform from howdah_private.background_tasks as t where t.name = 'partitions' for no key update;
  foreach v_table in array howdah_private.partitioned_tables() loop
    v_made := v_made + howdah_private.ensure_partition(v_table, ensure_month.moment)::int;
  end loop;
  return v_made;
end $$;

-- Makes the monthly partitions from last month to three months ahead, at most `max_partitions` of
-- them. Returns how many it made. There is no default partition: a run would stay in it forever. A
-- process makes one partition at a time, each in its own transaction. Other sessions wait behind a
-- lock that this function waits for, so it waits for a short time and tries again later. A
-- partition that cannot be made or attached does not stop the others: its error is raised when no
-- other is missing.
create or replace function howdah_private.ensure_partitions(
  months_ahead int default 3, max_partitions int default null
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_table regclass;
  v_made int := 0;
  v_moment timestamptz;
  v_code text;
  v_message text;
begin
  perform from howdah_private.background_tasks as t where t.name = 'partitions' for no key update;
  for v_month_no in -1 .. ensure_partitions.months_ahead loop
    v_moment := (date_trunc('month', now() at time zone 'utc')
      + v_month_no * interval '1 month') at time zone 'utc';
    foreach v_table in array howdah_private.partitioned_tables() loop
      exit when v_made >= ensure_partitions.max_partitions;
      begin
        v_made := v_made + howdah_private.ensure_partition(v_table, v_moment)::int;
      exception when others then
        if howdah_private.is_transient_error(sqlstate) then
          raise;
        end if;
        v_code := sqlstate;
        v_message := format('a partition of %s could not be made: %s', v_table, sqlerrm);
      end;
    end loop;
  end loop;
  if v_message is not null and v_made = 0 then
    raise exception using errcode = v_code, message = v_message;
  end if;
  perform howdah_private.repair_partitions()
  where v_made = 0 or ensure_partitions.max_partitions is null;
  return v_made;
end $$;

-- Sets what partitions do not inherit: statement triggers (a change of sql/ may have dropped them),
-- storage settings, and the freeze of a closed month. A partition that is locked for longer than
-- the lock time-out is settled the next time.
create or replace function howdah_private.repair_partitions() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_change text;
begin
  for v_change in
    select format('create trigger _100_refuse_truncate before truncate on %s
        for each statement execute function howdah_private.tg__refuse_change()',
      i.inhrelid::regclass)
    from pg_catalog.pg_inherits as i
    where i.inhparent in (
        'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)
      and not exists (
      select from pg_catalog.pg_trigger as t
      where t.tgrelid = i.inhrelid and t.tgname = '_100_refuse_truncate'
    )
    union all
    select howdah_private.freeze_month_statement(m.month)
    from howdah_private.closed_months as m
    where m.dropped_at is null and exists (
      select from pg_catalog.pg_inherits as i where i.inhparent = 'howdah.executions'::regclass
        and i.inhrelid = to_regclass('howdah_private.executions_' || to_char(m.month, 'YYYY_MM'))
        and not exists (
          select from pg_catalog.pg_trigger as t
          where t.tgrelid = i.inhrelid and t.tgname = '_000_refuse_closed' and t.tgenabled <> 'D')
    )
    union all
    select format('alter table %s set (%s)', c.oid::regclass, w.settings)
    from pg_catalog.pg_inherits as i
    join pg_catalog.pg_class as c on c.oid = i.inhrelid
    join pg_catalog.pg_class as p on p.oid = i.inhparent
    cross join lateral howdah_private.partition_settings(p.relname) as w (settings)
    where i.inhparent = any (howdah_private.partitioned_tables())
      and not coalesce(c.reloptions, '{}') @> string_to_array(replace(w.settings, ' = ', '='), ', ')
  loop
    begin
      execute v_change;
    exception when lock_not_available then
      null;
    end;
  end loop;
end $$;
