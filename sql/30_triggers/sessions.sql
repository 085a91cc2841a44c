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

-- Records activity in a session, so that retention visits the session again. A change of title or
-- state is activity; the end of a live run counts instead if there is one.
create or replace function howdah_private.tg_sessions__record_activity() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.contents_erased_at := null;
  if (new.title, new.state) is distinct from (old.title, old.state)
    and new.live_execution_id is null then
    new.last_activity_at := greatest(new.last_activity_at, now());
  end if;
  return new;
end $$;

-- erasure sets contents_erased_at itself
create or replace trigger _110_record_activity
  before update of title, state, last_activity_at on howdah.sessions
  for each row when (
    new.contents_erased_at is not distinct from old.contents_erased_at and (
      (new.title, new.state) is distinct from (old.title, old.state)
      or (old.contents_erased_at is not null and new.last_activity_at <> old.last_activity_at)
    )
  )
  execute function howdah_private.tg_sessions__record_activity();
create or replace trigger _200_refuse_live before delete on howdah.sessions
  for each row when (old.live_execution_id is not null)
  execute function howdah_private.tg_sessions__refuse_live();
