-- Returns the place of a message in the order in which the messages of a session are written.
create or replace function howdah_private.write_position(
  created_at timestamptz, turn int, seq int
) returns numeric[]
  language sql stable
  return array[extract(epoch from write_position.created_at) * 1000000,
    write_position.turn, write_position.seq];

-- Returns the messages of sessions after the given cursors, for live feeds. The new messages of
-- late turns come first, in the order of writing. Those of the following turns come in their order.
--
-- A turn begins when the previous one has ended. So a reader who sees a message of a turn sees all
-- messages of earlier turns, and (turn, seq) is a cursor without gaps. The exception is a late
-- turn: an earlier turn that is retried or resumed after later ones. One run of a session is live
-- at a time, so its messages are written one after the other. So created_at tells which messages of
-- a late turn are new. A cursor therefore names two messages: the furthest in the order
-- of turns (turn, seq), and the last written one, mostly the same. A clock that is set back can
-- hide messages of late turns, but no others. Without `last_written_turns` no late turn is read.
--
-- Messages are read through the runs: if a run has created its session for todos, its earlier
-- messages have no session_id. `place` is the position of the cursor, from 1: one session may be
-- given more than once. Rows end after `max_bytes`, as those of steps_after do, so the places are
-- found first, and then the messages. plpgsql keeps the plan, which names every partition.
create or replace function howdah_private.session_messages_after(
  ids uuid[], turns int[], seqs int[], at_most int,
  last_written_turns int[] default null, last_written_seqs int[] default null,
  max_bytes bigint default null
) returns table (
    place int, session_id uuid, turn int, seq int, message jsonb, cursor_turn int, cursor_seq int,
    last_written_turn int, last_written_seq int, is_cut boolean
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_bytes bigint := 0;
begin
  for place, session_id, turn, seq, message, cursor_turn, cursor_seq, last_written_turn,
    last_written_seq in
    select p.place, p.session_id, p.turn, p.seq, to_jsonb(m) || jsonb_build_object(
        'created_at', to_char(m.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM')),
      p.cursor_turn, p.cursor_seq, p.last_written[2]::int, p.last_written[3]::int
    from howdah_private.session_places_after(session_messages_after.ids,
      session_messages_after.turns, session_messages_after.seqs, session_messages_after.at_most,
      session_messages_after.last_written_turns, session_messages_after.last_written_seqs) as p
    cross join lateral (
      select n.* from howdah.messages as n
      where n.execution_id = p.execution_id and n.seq = p.seq
      offset 0 -- by the key for each row, whatever the statistics say
    ) as m
  loop
    v_bytes := v_bytes + pg_column_size(message);
    is_cut := coalesce(v_bytes >= session_messages_after.max_bytes, false);
    return next;
    exit when is_cut;
  end loop;
end $$;

-- Returns where the messages of session_messages_after are, in their order, with the cursor of a
-- reader that has them.
create or replace function howdah_private.session_places_after(
  ids uuid[], turns int[], seqs int[], at_most int,
  last_written_turns int[], last_written_seqs int[]
) returns table (
    place int, session_id uuid, execution_id uuid, turn int, seq int,
    cursor_turn int, cursor_seq int, last_written numeric[]
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with cursors as (
    select i.place::int as place, i.turn, i.seq, s.id as session_id, s.tenant_id,
      case when i.last_written_turn is not null then s.late_turns end as late_turns,
      case when i.last_written_turn is not null and s.late_turns is not null then (
        select howdah_private.write_position(m.created_at, e.turn, m.seq)
        from howdah.executions as e join howdah.messages as m on m.execution_id = e.id
        where e.tenant_id = s.tenant_id and e.session_id = s.id
          and e.parent_execution_id is null
          and e.turn = i.last_written_turn and m.seq = i.last_written_seq
      ) end as last_written
    from unnest(session_places_after.ids, session_places_after.turns,
      session_places_after.seqs, session_places_after.last_written_turns,
      session_places_after.last_written_seqs)
      with ordinality as i (id, turn, seq, last_written_turn, last_written_seq, place)
    join howdah.sessions as s on s.id = i.id
  ),
  found as (
    select c.place, c.session_id, c.last_written as cursor_last_written, t.*,
      case when t.is_late then c.turn else t.turn end as cursor_turn,
      case when t.is_late then c.seq else t.seq end as cursor_seq,
      row_number() over (partition by c.place
        order by t.is_late desc, case when t.is_late then t.written end, t.turn, t.seq) as position
    from cursors as c
    cross join lateral (
      (select true as is_late, e.id::uuid as execution_id, e.turn, m.seq, w.written
      from howdah.executions as e join howdah.messages as m on m.execution_id = e.id
      cross join howdah_private.write_position(m.created_at, e.turn, m.seq) as w (written)
      where e.tenant_id = c.tenant_id and e.session_id = c.session_id
        and e.parent_execution_id is null and e.turn = any (c.late_turns) and e.turn < c.turn
        and w.written > c.last_written
      order by w.written limit session_places_after.at_most)
      union all
      (select false, e.id::uuid, e.turn, m.seq,
        howdah_private.write_position(m.created_at, e.turn, m.seq)
      from howdah.executions as e join howdah.messages as m on m.execution_id = e.id
      where e.tenant_id = c.tenant_id and e.session_id = c.session_id
        and e.parent_execution_id is null and e.turn >= c.turn
        and (e.turn > c.turn or m.seq > c.seq)
      order by e.turn, m.seq limit session_places_after.at_most)
    ) as t
  )
  select f.place, f.session_id, f.execution_id, f.turn, f.seq, f.cursor_turn, f.cursor_seq,
    f.last_written
  from (
    select x.*, greatest(x.cursor_last_written,
      max(x.written) over (partition by x.place order by x.position)) as last_written
    from found as x where x.position <= session_places_after.at_most
  ) as f
  order by f.place, f.position;
end $$;

-- Returns the late turns of a session when this turn goes on: those that went on after a later turn
-- was taken.
create or replace function howdah_private.add_late_turn(s howdah.sessions, turn int)
  returns int[]
  language sql immutable
  return case
    when add_late_turn.turn >= s.turns or add_late_turn.turn = any (s.late_turns)
      then s.late_turns
    else s.late_turns || add_late_turn.turn end;

-- Returns the live runs of sessions, whose changes are announced during a turn. Deleted sessions
-- are left out.
create or replace function howdah_private.live_runs(ids uuid[])
  returns table (session_id uuid, execution_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, s.live_execution_id from howdah.sessions as s where s.id = any (live_runs.ids)
$$;
