-- Up Migration
create type howdah.session_policy as enum ('queue', 'reject', 'interrupt', 'steer');
comment on type howdah.session_policy is 'What a message does that comes while a run of its session is live.';

alter table howdah.sessions add column policy howdah.session_policy not null default 'queue';
comment on column howdah.sessions.policy is
  'A message while a run is live: queue waits for its turn, reject is refused, interrupt cancels the live run, steer joins it.';

-- Down Migration
alter table howdah.sessions drop column policy;
drop type howdah.session_policy;
