-- Up Migration
-- Counters of tokens and cost have slots, so that commits of one tenant need not wait for each
-- other. The use of a subject is the sum of its slots.

alter table howdah_private.limit_counters
  add column slot smallint not null default 0,
  drop constraint limit_counters_pkey,
  add constraint limit_counters_pkey primary key (limit_id, started_at, subject_id, slot);
comment on table howdah_private.limit_counters is
  'Use of a limit in the period that began at started_at: the sum of its slots. The transaction '
  'that uses it changes a slot under the lock of the row.';
comment on column howdah_private.limit_counters.slot is
  '0, and for tokens and cost of tenants, agents and the system up to 7. Commits that stay far from '
  'the limit lock one slot. Other commits lock all of them.';

-- Down Migration
alter table howdah_private.limit_counters no force row level security;
update howdah_private.limit_counters as c set used = s.used
from (
  select o.limit_id, o.started_at, o.subject_id, min(o.slot) as slot, sum(o.used) as used
  from howdah_private.limit_counters as o group by 1, 2, 3
) as s
where c.limit_id = s.limit_id and c.started_at = s.started_at and c.subject_id = s.subject_id
  and c.slot = s.slot;
delete from howdah_private.limit_counters as c
using howdah_private.limit_counters as o
where o.limit_id = c.limit_id and o.started_at = c.started_at and o.subject_id = c.subject_id
  and o.slot < c.slot;
alter table howdah_private.limit_counters
  drop column slot,
  add constraint limit_counters_pkey primary key (limit_id, started_at, subject_id),
  force row level security;
comment on table howdah_private.limit_counters is
  'Use of a limit in the period that began at started_at, changed by the transaction that uses it '
  'under the lock of the row.';
