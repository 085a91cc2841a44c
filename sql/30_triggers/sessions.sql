-- Refuses to delete a session with a live run, because runs that wait for their turn would wait for
-- ever.
create or replace function howdah_private.tg_sessions__refuse_live() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWCNF',
    message = format('session %s has a live run', old.id),
    detail = jsonb_build_object('session_id', old.id, 'execution_id', old.live_execution_id)::text,
    hint = format('Cancel the run %s, or wait for its end.', old.live_execution_id);
end $$;

create or replace trigger _100_stamp before update on howdah.sessions
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_refuse_live before delete on howdah.sessions
  for each row when (old.live_execution_id is not null)
  execute function howdah_private.tg_sessions__refuse_live();
