-- Deletion of files. The bytes of a small file are in its row, and go with it. A large file is in a
-- folder of the workers. A trigger of resources adds its path to due_work when the row is
-- deleted, in any way. Workers delete the file after the commit
-- (src/db/files/delete-stored-files.ts), and try again until it is deleted.

-- Deletes resources. Returns their number and the paths of their files outside of the database.
create or replace function howdah_private.delete_files(ids uuid[]) returns jsonb
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with gone as (
    delete from howdah.resources as r where r.id = any (delete_files.ids) returning r.storage_path
  )
  select jsonb_build_object('resources', count(*), 'files', coalesce(
    to_jsonb(array_agg(
      g.storage_path order by g.storage_path) filter (where g.storage_path is not null)),
    '[]'))
  from gone as g
$$;

-- Claims a batch of files that are due, for a worker that deletes them after this transaction. The
-- next attempt is due after a delay that grows. Forgets files that another resource still uses:
-- they are added again when the last such resource is deleted.
create or replace function howdah_private.claim_file_deletions(batch int default 100)
  returns table (id uuid, storage_path text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[] := array(
    select d.id from howdah_private.take_due('delete_file', claim_file_deletions.batch) as d);
begin
  delete from howdah_private.due_work as d
  where d.kind = 'delete_file' and d.id = any (v_ids) and exists (
    select from howdah.resources as r where r.storage_path = d.payload ->> 'storage_path');
  return query
  update howdah_private.due_work as d
  set attempts = d.attempts + 1, due_at = now() + howdah_private.retry_delay(d.attempts)
  where d.kind = 'delete_file' and d.id = any (v_ids)
  returning d.id, d.payload ->> 'storage_path';
end $$;

-- Removes the rows of files that are deleted, and records why the others are not.
create or replace function howdah_private.record_file_deletions(
  deleted uuid[], failed uuid[], errors text[]
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.finish_due('delete_file', record_file_deletions.deleted);
  update howdah_private.due_work as d set last_error = left(f.error, 200)
  from unnest(record_file_deletions.failed, record_file_deletions.errors) as f (id, error)
  where d.kind = 'delete_file' and d.id = f.id;
$$;
