-- Checks resources. The content of a resource never changes; name and metadata may. Neither its
-- author nor the trust of its text can be forged.

-- Sets size and hash from the bytes. For a file by path the caller must give both.
create or replace function howdah_private.tg_resources__measure() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hash text := encode(sha256(new.bytes), 'hex');
  v_missing text := case when new.storage_path is null or new.bytes is not null then null
    when new.sha256 is null then 'sha256' when new.size is null then 'size' end;
begin
  new.type := lower(new.type);
  new.sha256 := lower(new.sha256);
  if new.sha256 <> v_hash or new.size <> octet_length(new.bytes) or v_missing is not null then
    raise exception using errcode = 'HWINV',
      message = case when v_missing is not null
          then format('%s is missing: a file with a storage_path needs sha256 and size', v_missing)
        when new.sha256 <> v_hash
          then format('sha256 is %s, but the bytes have %s', new.sha256, v_hash)
        else format('size is %s, but there are %s bytes', new.size, octet_length(new.bytes)) end,
      detail = jsonb_build_object('field', coalesce(v_missing,
        case when new.sha256 <> v_hash then 'sha256' else 'size' end))::text,
      hint = case
        when v_missing is null then 'Omit sha256 and size: they are computed from the bytes.'
        else 'Compute sha256 with the command sha256sum, and size with stat.' end;
  end if;
  if new.bytes is not null then
    new.sha256 := v_hash;
    new.size := octet_length(new.bytes);
  end if;
  return new;
end $$;

-- Keeps the keys of metadata that record the origin of a file: the run that wrote it and its trust.
-- Only the engine sets them, when a run writes a file (taint.sql). Other callers can neither set
-- nor remove them.
create or replace function howdah_private.tg_resources__keep_origin() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys constant text[] := array['written_by_execution_id', 'trust'];
begin
  if current_user <> 'howdah_engine' and not howdah_private.is_operator()
    and jsonb_typeof(new.metadata) = 'object' then
    new.metadata := (new.metadata - v_keys) || case tg_op
      when 'INSERT' then '{}'
      else coalesce((
        select json_object_agg(k.name, old.metadata -> k.name)::jsonb
        from unnest(v_keys) as k (name) where old.metadata ? k.name
      ), '{}')
    end;
  end if;
  return new;
end $$;
create or replace trigger _150_keep_origin before insert or update of metadata on howdah.resources
  for each row execute function howdah_private.tg_resources__keep_origin();

create or replace function howdah_private.tg_resources__sign() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_caller();
  new.created_by := howdah_private.actor();
  return new;
end $$;

create or replace function howdah_private.tg_resources__refuse_rewrite() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWDEN',
    message = format('the content of resource %L never changes', old.name),
    detail = jsonb_build_object('resource_id', old.id)::text,
    hint = 'Insert a new resource and delete this one. Only name and metadata can be changed.';
end $$;

create or replace function howdah_private.tg_resources__refuse_keys() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_plain_secrets('metadata', new.metadata);
  return new;
end $$;

create or replace trigger _300_refuse_keys before insert or update of metadata on howdah.resources
  for each row when (new.metadata <> '{}')
  execute function howdah_private.tg_resources__refuse_keys();
create or replace trigger _100_sign before insert on howdah.resources
  for each row execute function howdah_private.tg_resources__sign();
create or replace trigger _200_measure before insert on howdah.resources
  for each row execute function howdah_private.tg_resources__measure();
-- Records activity in a session that was erased before the file was written (see
-- tg_todos__record_activity). Locks the session before the counters of storage.
create or replace function howdah_private.tg_resources__record_activity() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.reopen_erased_sessions(array[new.session_id]);
  return null;
end $$;
create or replace trigger _400_record_activity after insert on howdah.resources
  for each row when (new.session_id is not null and new.execution_id is null)
  execute function howdah_private.tg_resources__record_activity();
-- session_id is not in the list, because deleting the session sets it to null.
create or replace trigger _200_refuse_rewrite
  before update of id, tenant_id, type, storage_path, bytes, size, sha256, execution_id, created_by,
    created_at
  on howdah.resources
  for each row execute function howdah_private.tg_resources__refuse_rewrite();

-- Adds the files of deleted resources to those that workers delete.
create or replace function howdah_private.tg_resources__enqueue_file_deletions() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.due_work (kind, payload)
  select distinct 'delete_file'::howdah_private.due_kind,
    jsonb_build_object('storage_path', d.storage_path)
  from deleted_rows as d where d.storage_path is not null;
  return null;
end $$;
create or replace trigger _400_enqueue_file_deletions after delete on howdah.resources
  referencing old table as deleted_rows
  for each statement execute function howdah_private.tg_resources__enqueue_file_deletions();
