-- Up Migration
-- What people, and programs that check, think of runs: a score, words, or both, of a run or of one of its messages.
create table howdah.feedback_entries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  message_seq int,
  score double precision,
  comment text,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint score_is_between_0_and_1 check (score between 0 and 1),
  constraint feedback_has_a_score_or_a_comment check (score is not null or comment is not null),
  constraint comment_is_not_empty check (btrim(comment) <> ''),
  constraint comment_has_at_most_10000_characters check (length(comment) <= 10000),
  constraint message_seq_counts_from_one check (message_seq > 0)
);
create unique index feedback_entries_author_key on howdah.feedback_entries
  (execution_id, tenant_id, created_by, coalesce(message_seq, 0));
create index feedback_entries_created_by_idx on howdah.feedback_entries (tenant_id, created_by);
alter table howdah.feedback_entries enable row level security, force row level security;
comment on table howdah.feedback_entries is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName execution|@foreignFieldName feedbackEntries\nWhat people and checks think of runs, by howdah.give_feedback. One row for each author, run and message.';
comment on column howdah.feedback_entries.message_seq is 'The message of the run it is about; null: the run as a whole.';
comment on column howdah.feedback_entries.score is 'From 0 (useless) to 1 (as it should be).';
comment on column howdah.feedback_entries.comment is 'In words; [erased] once the contents of the run, or its author, are.';
comment on column howdah.feedback_entries.created_by is 'The user of the token, else the API key, else the database login.';

-- Down Migration
drop table howdah.feedback_entries;
