-- Marks a suspect run before it does something that may kill its worker. Workers of older releases
-- call this. Later ones run suspects alone (isolated_runs.sql), and mark nothing. The next commit
-- or claim of the run clears the mark. The row may have an old mark that a commit has cleared, so
-- the run is brought up to its head first.
create or replace function howdah_private.mark_at_risk(worker uuid, id uuid, fence int)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.executions as e
  where e.id = mark_at_risk.id and e.owner_worker = mark_at_risk.worker
    and e.fence = mark_at_risk.fence
  for no key update;
  if not found then
    return false;
  end if;
  perform howdah_private.fold_run_heads(array[mark_at_risk.id]);
  update howdah.executions as e set at_risk = true, updated_at = now()
  where e.id = mark_at_risk.id;
  return true;
end $$;
