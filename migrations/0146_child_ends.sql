-- Up Migration
-- Counts the children that end in one statement at their parent in one update. A thousand updates
-- of one row within a transaction take time that grows with the square of their number. Until the
-- statement is over, each end is a row of this table. The rows never outlive their transaction, so
-- the table is unlogged.
create unlogged table howdah_private.child_ends (
  transaction xid8 not null default pg_current_xact_id(),
  execution_id uuid not null,
  parent_execution_id uuid not null,
  was_waiting boolean not null,
  primary key (transaction, execution_id)
);
alter table howdah_private.child_ends enable row level security, force row level security;
comment on table howdah_private.child_ends is
  'Ends of child runs that their parent has not counted yet. Rows exist only within the transaction that ends the children.';

-- Down Migration
drop table howdah_private.child_ends;
