-- Up Migration
-- A conversation that goes on from an earlier turn of another: which one, and behind which turn.
alter table howdah.sessions
  add column forked_from_session_id uuid,
  add column forked_from_turn int,
  add foreign key (tenant_id, forked_from_session_id) references howdah.sessions (tenant_id, id)
    on delete set null (forked_from_session_id);
create index sessions_forked_from_session_id_idx on howdah.sessions (tenant_id, forked_from_session_id)
  where forked_from_session_id is not null;
comment on column howdah.sessions.forked_from_session_id is
  'The session it was forked from, which is untouched; null too when that is gone.';
comment on column howdah.sessions.forked_from_turn is 'It begins with what was said there until the end of this turn.';

-- Down Migration
alter table howdah.sessions drop column forked_from_session_id, drop column forked_from_turn;
