-- Up Migration
-- A month is frozen in a moment, and counted afterwards while everything goes on: until then it has no number of runs.
alter table howdah_private.closed_months alter column runs drop not null;
comment on column howdah_private.closed_months.runs is
  'How many runs there were when it was closed; null while it is frozen and not counted yet.';

-- Down Migration
-- a month that is frozen and not counted is open again
do $$
declare
  v_partition regclass;
begin
  alter table howdah_private.closed_months no force row level security;
  for v_partition in
    select to_regclass('howdah_private.executions_' || to_char(m.month, 'YYYY_MM'))
    from howdah_private.closed_months as m where m.runs is null
  loop
    execute format('drop trigger if exists _000_refuse_closed on %s', v_partition);
  end loop;
  delete from howdah_private.closed_months where runs is null;
  alter table howdah_private.closed_months force row level security;
end $$;
alter table howdah_private.closed_months alter column runs set not null;
comment on column howdah_private.closed_months.runs is 'How many runs there were when it was closed.';
