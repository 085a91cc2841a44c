-- Makes the monthly partitions from last month to a year ahead. There is no default partition: a run would
-- stay in it for ever. Owned by howdah_owner, since only the parent's owner may add partitions.
create or replace function howdah_private.ensure_partitions(months_ahead int default 12) returns int
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_month timestamptz := date_trunc('month', now() at time zone 'utc') at time zone 'utc';
  v_from timestamptz;
  v_table text;
  v_name text;
  v_made int := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('howdah.ensure_partitions', 0));
  for v_month_no in -1 .. ensure_partitions.months_ahead loop
    v_from := (v_month at time zone 'utc' + v_month_no * interval '1 month') at time zone 'utc';
    foreach v_table in array array['executions', 'steps', 'messages'] loop
      v_name := v_table || to_char(v_from at time zone 'utc', '_YYYY_MM');
      if to_regclass('howdah_private.' || v_name) is null then
        execute format(
          'create table howdah_private.%I partition of howdah.%I for values from (%L) to (%L) %s',
          v_name, v_table, howdah.uuid_v7_floor(v_from),
          howdah.uuid_v7_floor((v_from at time zone 'utc' + interval '1 month') at time zone 'utc'),
          case v_table when 'executions' then 'with (fillfactor = 70)' else '' end
        );
        execute format(
          'alter table howdah_private.%I enable row level security, force row level security', v_name
        );
        v_made := v_made + 1;
      end if;
    end loop;
  end loop;
  -- a partition does not inherit the triggers of statements; a change of sql/ may have dropped those of old ones too
  for v_name in
    select i.inhrelid::regclass::text from pg_catalog.pg_inherits as i
    where i.inhparent in ('howdah.steps'::regclass, 'howdah.messages'::regclass) and not exists (
      select from pg_catalog.pg_trigger as t
      where t.tgrelid = i.inhrelid and t.tgname = '_100_refuse_truncate'
    )
  loop
    execute format(
      'create trigger _100_refuse_truncate before truncate on %s
         for each statement execute function howdah_private.tg__refuse_change()', v_name
    );
  end loop;
  return v_made;
end $$;
