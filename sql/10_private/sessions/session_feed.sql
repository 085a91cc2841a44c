-- Returns the messages of sessions after the given cursors, for live feeds, in the order of the
-- turns.
--
-- A turn begins when the previous one has ended. So a reader who sees a message of a turn sees all
-- messages of earlier turns, and (turn, seq) is a cursor without gaps. The exception is an earlier
-- turn that is retried or resumed after later ones: its new messages lie behind the cursor, and a
-- reader gets them by a query (docs/sessions.md). Messages are read through the runs: if a run has
-- created its session for todos, its earlier messages have no session_id.
-- `place` is the position of the cursor, from 1: one session may be given more than once.
create or replace function howdah_private.session_messages_after(
  ids uuid[], turns int[], seqs int[], at_most int
) returns table (place int, session_id uuid, turn int, seq int, message jsonb)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select i.place::int, i.id, t.turn, t.seq, t.message
  from unnest(session_messages_after.ids, session_messages_after.turns, session_messages_after.seqs)
    with ordinality as i (id, turn, seq, place)
  join howdah.sessions as s on s.id = i.id
  cross join lateral (
    select e.turn, m.seq, to_jsonb(m) || jsonb_build_object(
      'created_at', to_char(m.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM')) as message
    from howdah.executions as e
    join howdah.messages as m on m.execution_id = e.id
    where e.tenant_id = s.tenant_id and e.session_id = s.id and e.parent_execution_id is null
      and e.turn >= i.turn and (e.turn > i.turn or m.seq > i.seq)
    order by e.turn, m.seq
    limit session_messages_after.at_most
  ) as t
  order by i.place, t.turn, t.seq
$$;

-- Returns the live runs of sessions, whose changes are announced during a turn. Deleted sessions
-- are left out.
create or replace function howdah_private.live_runs(ids uuid[])
  returns table (session_id uuid, execution_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, s.live_execution_id from howdah.sessions as s where s.id = any (live_runs.ids)
$$;
