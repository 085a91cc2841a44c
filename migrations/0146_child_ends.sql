-- Up Migration
-- A thousand children that end in one statement are counted at their parent in one update, since a thousand updates of one row
-- within a transaction take time that grows with their square. Until the statement is over the ends are rows here. They never
-- outlive their transaction, so the table is unlogged.
create unlogged table howdah_private.child_ends (
  transaction xid8 not null default pg_current_xact_id(),
  execution_id uuid not null,
  parent_execution_id uuid not null,
  was_waiting boolean not null,
  primary key (transaction, execution_id)
);
alter table howdah_private.child_ends enable row level security, force row level security;
comment on table howdah_private.child_ends is
  'Ends of children that are not counted at their parent yet: only within the transaction that ended them.';

-- Down Migration
drop table howdah_private.child_ends;
