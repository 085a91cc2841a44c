-- Up Migration
create type howdah.session_policy as enum ('queue', 'reject', 'interrupt', 'steer');
comment on type howdah.session_policy is 'What a message does that comes while a run of its session is live.';

alter table howdah.sessions add column policy howdah.session_policy not null default 'queue';
comment on column howdah.sessions.policy is
  'A message while a run is live: queue waits for its turn, reject is refused, interrupt cancels the live run, steer joins it.';

-- What session_state() counts its version from. Each counter is raised under the lock of the row it stands for, so that
-- their sum grows with every change that commits, in whatever order they do; a number on the session itself would make
-- every run wait for the session's row.
alter table howdah.executions add column moves int not null default 0;
comment on column howdah.executions.moves is 'Changes of its status so far; a part of the version of its session''s state.';

create table howdah_private.todo_changes (
  tenant_id uuid not null,
  session_id uuid not null,
  changes bigint not null,
  primary key (tenant_id, session_id),
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade
);
alter table howdah_private.todo_changes enable row level security, force row level security;
comment on table howdah_private.todo_changes is
  'How often the todo list of a session was changed; rows of a list come and go, so they cannot be counted.';

-- Down Migration
drop table howdah_private.todo_changes;
alter table howdah.executions drop column moves;
alter table howdah.sessions drop column policy;
drop type howdah.session_policy;
