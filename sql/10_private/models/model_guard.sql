-- Returns what a version records of a model whose address was written by a caller who may not name
-- addresses of the machine (tg_models__guard). Other models have no such member, so that their
-- versions do not change.
create or replace function howdah_private.guard_of(is_guarded boolean) returns jsonb
  language sql immutable
  return case when guard_of.is_guarded then '{"is_guarded": true}' else '{}' end::jsonb;
