-- Live feed. A change is announced only if a listener has registered. Claims and commits tell the
-- worker that a run is watched, and the worker announces ids on its notifier connection. Listeners
-- read rows from their cursor, so a lost announcement costs latency, never data.

-- Registers a listener of runs for two minutes.
create or replace function howdah_private.watch(listener uuid, ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.watchers (listener, execution_id, expires_at)
  select watch.listener, i.id, now() + interval '2 minutes' from unnest(watch.ids) as i (id)
  on conflict (execution_id, listener) do update set expires_at = excluded.expires_at
$$;

-- Removes a listener of some runs, or (null) of all, and all expired listeners.
create or replace function howdah_private.unwatch(listener uuid, ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.watchers as w
  where w.expires_at < now()
    or (w.listener = unwatch.listener
      and (unwatch.ids is null or w.execution_id = any (unwatch.ids)))
$$;

-- Returns the runs that have a listener now. Workers call it while an answer streams that had no
-- listener when it began.
create or replace function howdah_private.watched_among(ids uuid[]) returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select distinct w.execution_id from howdah_private.watchers as w
  where w.execution_id = any (watched_among.ids)
$$;

create or replace function howdah_private.announce(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(c.name, i.id::text)
  from howdah_private.channel('feed') as c (name), unnest(announce.ids) as i (id)
$$;

-- Announces parts of answers while they stream. A part is gone with its notification; the committed
-- message replaces the parts. `seq` is the step that the answer will be. A client starts again when
-- `attempt` changes. A payload holds at most 8,000 bytes, so the worker splits larger parts.
create or replace function howdah_private.announce_tokens(pieces jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(c.name, p.piece::text)
  from howdah_private.channel('tokens') as c (name),
    jsonb_array_elements(announce_tokens.pieces) with ordinality as p (piece, position)
  order by p.position
$$;

-- Announces notes of tools at work. The progress of a run that nobody listens to is left out,
-- unless the run has just begun: who started it may not listen yet. The id of a run begins with the
-- time of its creation, in milliseconds.
create or replace function howdah_private.announce_notes(notes jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(c.name, n.note::text)
  from howdah_private.channel('tokens') as c (name),
    jsonb_array_elements(announce_notes.notes) with ordinality as n (note, position)
  where n.note ->> 'type' <> 'progress'
    or ('x' || left(replace(n.note ->> 'execution_id', '-', ''), 12))::bit(48)::bigint
      > 1000 * extract(epoch from clock_timestamp() - interval '10 seconds')
    or exists (
      select from howdah_private.watchers as w
      where w.execution_id = (n.note ->> 'execution_id')::uuid)
  order by n.position
$$;

-- Announces the runs that have a listener, in the transaction of the caller.
create or replace function howdah_private.announce_watched(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(c.name, i.id::text)
  from howdah_private.channel('feed') as c (name), unnest(announce_watched.ids) as i (id)
  where exists (select from howdah_private.watchers as w where w.execution_id = i.id)
$$;

-- Returns the steps of many runs for the feed hub, each after its own cursor. Prices and times are
-- the text that GraphQL reads from the columns, so that a step looks the same in a feed and in a
-- query. `place` is the position of the cursor, from 1.
--
-- Rows end after `max_bytes`, since a limit on rows does not limit their size. The row that reaches
-- the limit is whole, the last one, and `is_cut`: then each cursor that has fewer than `at_most`
-- rows may have more. The loop fetches 50 rows at a time, so few are read in vain.
create or replace function howdah_private.steps_after(
  ids uuid[], cursors int[], at_most int, max_bytes bigint default null
) returns table (place int, execution_id uuid, seq int, step jsonb, is_cut boolean)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_bytes bigint := 0;
begin
  for place, execution_id, seq, step in
    select i.place::int, s.execution_id, s.seq, to_jsonb(s) || jsonb_build_object(
      'cost', s.cost::text,
      'started_at', to_char(s.started_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM'),
      'finished_at', to_char(s.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM'))
    from unnest(steps_after.ids, steps_after.cursors) with ordinality as i (id, cursor, place)
    cross join lateral (
      select t.* from howdah.steps as t
      where t.execution_id = i.id and t.seq > i.cursor
      order by t.seq
      limit steps_after.at_most
    ) as s
  loop
    v_bytes := v_bytes + pg_column_size(step);
    is_cut := coalesce(v_bytes >= steps_after.max_bytes, false);
    return next;
    exit when is_cut;
  end loop;
end $$;

create or replace function howdah_private.execution_states(ids uuid[])
  returns table (execution_id uuid, status howdah.execution_status, step_count int, updated_at text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.id::uuid, e.status, coalesce(h.step_count, e.step_count),
    coalesce(h.updated_at, e.updated_at)::text || ' ' || e.fence
  from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.id = any (execution_states.ids)
$$;
