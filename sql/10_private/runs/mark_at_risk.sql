-- A suspect is about to do what may kill its worker: noted before it begins, forgotten by its next commit.
create or replace function howdah_private.mark_at_risk(worker uuid, id uuid, fence int) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.executions as e set at_risk = true, updated_at = now()
  where e.id = mark_at_risk.id and e.owner_worker = mark_at_risk.worker and e.fence = mark_at_risk.fence;
  return found;
end $$;
