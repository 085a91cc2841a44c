-- Up Migration
-- A generation of vectors that another one has replaced stays until a batch job has deleted its
-- vectors. So a switch of generations changes two rows, whatever the size of the base.
alter table howdah_private.embedding_generations
  add column retired_at timestamptz,
  add column deleted_up_to bigint not null default 0,
  drop constraint a_base_has_one_generation_of_each_kind,
  add constraint a_retired_generation_is_not_current check (retired_at is null or not is_current);
create unique index embedding_generations_of_each_kind_key
  on howdah_private.embedding_generations (tenant_id, knowledge_base_id, is_current)
  where retired_at is null;
create index embedding_generations_retired_at_idx
  on howdah_private.embedding_generations (retired_at) where retired_at is not null;
create index embedding_generations_knowledge_base_id_idx
  on howdah_private.embedding_generations (tenant_id, knowledge_base_id);
comment on column howdah_private.embedding_generations.retired_at is
  'Time at which no search and no worker used it any more. The batch job delete_vector then '
  'deletes its vectors.';
comment on column howdah_private.embedding_generations.deleted_up_to is
  'Number of the last chunk whose vector the batch job has deleted.';

-- Down Migration
-- Row-level security applies to the owner as well.
alter table howdah_private.embedding_generations no force row level security;
delete from howdah_private.embedding_generations where retired_at is not null;
alter table howdah_private.embedding_generations force row level security;
drop index howdah_private.embedding_generations_knowledge_base_id_idx;
drop index howdah_private.embedding_generations_of_each_kind_key;
alter table howdah_private.embedding_generations
  drop constraint a_retired_generation_is_not_current,
  drop column retired_at,
  drop column deleted_up_to,
  add constraint a_base_has_one_generation_of_each_kind
    unique (tenant_id, knowledge_base_id, is_current);
