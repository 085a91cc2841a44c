-- Up Migration
-- Adds the order in which streams of trees report the steps of all runs of a tree.

create table howdah_private.tree_orders (
  top_execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  top_seq int not null,
  last_position int not null,
  constraint counts_are_not_negative check (top_seq >= 0 and last_position >= 0)
);
create index tree_orders_tenant_id_idx on howdah_private.tree_orders (tenant_id);
alter table howdah_private.tree_orders enable row level security, force row level security;
comment on table howdah_private.tree_orders is
  'Runs with child runs that somebody follows as a tree. The row is the lock under which the order '
  'of the tree grows. Written only while a stream of the tree is open.';
comment on column howdah_private.tree_orders.top_execution_id is
  'Run at the top of the followed tree. It may be a child run itself.';
comment on column howdah_private.tree_orders.top_seq is
  'Number of steps of the top run whose place in the order is final.';
comment on column howdah_private.tree_orders.last_position is
  'Position of the last entry in tree_entries.';

create table howdah_private.tree_entries (
  top_execution_id uuid not null
    references howdah_private.tree_orders (top_execution_id) on delete cascade,
  execution_id uuid not null,
  top_seq int not null,
  position int not null,
  seq int not null,
  is_end boolean not null,
  primary key (top_execution_id, top_seq, position),
  unique (top_execution_id, execution_id, seq, is_end)
);
alter table howdah_private.tree_entries enable row level security, force row level security;
comment on table howdah_private.tree_entries is
  'Order of the steps below a followed run: an entry for each step of a child run at any depth, and '
  'for the end of each child run. Append-only, so every stream has the same order.';
comment on column howdah_private.tree_entries.execution_id is 'Child run at any depth.';
comment on column howdah_private.tree_entries.top_seq is
  'Step of the top run after which the entry comes.';
comment on column howdah_private.tree_entries.position is
  'Position among all entries of the tree, counted from 1.';
comment on column howdah_private.tree_entries.seq is
  'Step of the child run; for an end, its last step.';
comment on column howdah_private.tree_entries.is_end is
  'True for the end of the child run, false for a step.';

comment on column howdah.steps.annotations is
  'Notes of hooks, and under `progress` the last progress that the tool of the step reported, as a '
  'JSON object.';

-- Down Migration
comment on column howdah.steps.annotations is 'Notes of hooks, as a JSON object.';
drop table howdah_private.tree_entries;
drop table howdah_private.tree_orders;
