-- Returns the work of batch jobs that belongs to a tenant, at most 10,000 rows. Files have no
-- tenant, and retention and the rollup of usage keep no rows for each tenant.
create or replace function howdah_private.due_rows_of(tenant_id uuid)
  returns table (job text, due_at timestamptz, has_failed boolean, last_error text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select w.* from (
    select d.kind::text as job, d.due_at, d.last_error is not null as has_failed, d.last_error
    from howdah_private.due_work as d
    where d.tenant_id = due_rows_of.tenant_id
    union all
    select 'write_answer', a.due_at, a.attempts > 0, null
    from howdah_private.due_answers as a
    where a.tenant_id = due_rows_of.tenant_id
    union all
    select case when u.needs_recognition then 'recognize_document' else 'ingest_document' end,
      u.due_at, u.attempts > 1 or u.postponed > 0, null
    from howdah_private.due_documents as u
    where u.tenant_id = due_rows_of.tenant_id
    union all
    select 'embed_chunk', greatest(u.due_at, g.due_at),
      g.error is not null or u.error is not null, coalesce(u.error, g.error) ->> 'message'
    from howdah_private.embedding_generations as g
    join howdah_private.due_embeddings as u on u.generation_id = g.id
    where g.tenant_id = due_rows_of.tenant_id and g.retired_at is null
    union all
    select 'delete_vector', g.retired_at, false, null
    from howdah_private.embedding_generations as g
    join howdah_private.chunk_embeddings as e on e.generation_id = g.id
    where g.tenant_id = due_rows_of.tenant_id and g.retired_at is not null
    union all
    select 'grade_run', g.due_at, g.attempts > 1, null
    from howdah_private.due_grades as g
    where g.tenant_id = due_rows_of.tenant_id
  ) as w
  limit 10000
$$;

create or replace function howdah.tenant_batch_jobs()
  returns table (
    name text, description text, is_paused boolean, can_pause boolean, waiting bigint,
    later bigint, failing bigint, oldest_due_at timestamptz, last_error text
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select j.name, j.description, howdah_private.is_batch_job_paused(j.name),
    howdah_private.can_pause_batch_jobs(),
    case when p.is_by_tenant then count(d.job) filter (where d.due_at <= now()) end,
    case when p.is_by_tenant then count(d.job) filter (where d.due_at > now()) end,
    case when p.is_by_tenant then count(d.job) filter (where d.has_failed) end,
    min(d.due_at) filter (where d.due_at <= now()),
    -- may name files and hosts of the machines
    case when howdah.current_user_role() <= 'admin' then
      (array_agg(d.last_error order by d.due_at desc) filter (where d.last_error is not null))[1]
    end
  from howdah_private.batch_job_list() as j
  cross join lateral (
    select j.name in (
      'delete_vector', 'embed_chunk', 'encrypt_run', 'erase_run', 'grade_run', 'ingest_document',
      'recognize_document', 'write_answer'
    ) as is_by_tenant
  ) as p
  left join howdah_private.due_rows_of(howdah.current_tenant()) as d on d.job = j.name
  where howdah.current_tenant() is not null
  group by j.name, j.description, p.is_by_tenant
  order by j.name
$$;
comment on function howdah.tenant_batch_jobs() is
  'Batch jobs of the workers, with the rows of the tenant: select * from '
  'howdah.tenant_batch_jobs(). waiting, later and failing are null for jobs that keep no rows for '
  'each tenant, and count at most 10,000 rows in all. howdah.batch_jobs has the rows of all '
  'tenants, for operators. Only admins and owners see last_error. can_pause: the caller may call '
  'howdah.pause_batch_job.';
