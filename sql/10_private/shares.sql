-- Who has how many runs at work, over all workers, and who could use more: the tenants named, and some that have due runs
-- in turn after `after`. `due`: a run of theirs is due. Asked by a worker that has no room, which then knows whose runs
-- should give way (src/runtime/shares.ts); `other_workers` says whether somebody else might take its wake-ups.
create or replace function howdah_private.shares(after uuid, tenants uuid[])
  returns table (tenant_id uuid, at_work int, due boolean, other_workers int)
  language sql volatile security definer
  set search_path = ''
as $$
  with due as materialized (
    select d.tenant_id from howdah_private.due_tenants_after(shares.after) as d
  )
  select t.id, howdah_private.runs_at_work(t.id), exists (select from due as d where d.tenant_id = t.id),
    (select count(*)::int - 1 from howdah_private.workers)
  from (select d.tenant_id from due as d union select n.id from unnest(shares.tenants) as n (id)) as t (id)
$$;
