-- Checks the chain of the audit log of a tenant, a part at a time. `howdah doctor --audit` checks
-- the logs of all tenants, trusts no function of the database, and compares checkpoints that are
-- stored outside. This function shows a tenant what a tenant may see.

-- Returns the row before the first row of a part: that with the number `after`, or for 0 what comes
-- before the log. Retention erases rows from the beginning, and leaves an entry with the number and
-- the hash of the last one, after which a part begins at the earliest. No row: the row `after` is
-- missing.
create or replace function howdah_private.audit_row_before(tenant_id uuid, after bigint)
  returns table (seq bigint, hash bytea)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with start as materialized (
    select coalesce(e.seq, 0) as seq, coalesce(e.hash,
      sha256(convert_to('howdah audit log of ' || audit_row_before.tenant_id, 'UTF8'))) as hash
    from (values (1)) as one
    left join lateral (
      select (l.detail ->> 'through')::bigint as seq, decode(l.detail ->> 'hash', 'hex') as hash
      from howdah.audit_log as l
      where l.tenant_id = audit_row_before.tenant_id and l.action = 'erase'
        and l.object = 'audit_log'
      order by l.seq desc limit 1
    ) as e on true
  )
  select s.seq, s.hash from start as s where audit_row_before.after <= s.seq
  union all
  select l.seq, l.hash from start as s join howdah.audit_log as l
    on l.tenant_id = audit_row_before.tenant_id and l.seq = audit_row_before.after
  where audit_row_before.after > s.seq
$$;

-- Returns how many rows follow a row of the log, the last of them, and the first that does not fit:
-- changed, or not the next one after the row before.
create or replace function howdah_private.check_audit_rows(
  tenant_id uuid, after bigint, hash bytea, most int
) returns table (
  checked int, through bigint, last_hash bytea, fault_seq bigint, is_changed boolean
)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with rows as materialized (
    select l.seq, l.prev_hash, l.hash, l.hash = howdah_private.audit_hash(l) as is_own
    from howdah.audit_log as l
    where l.tenant_id = check_audit_rows.tenant_id and l.seq > check_audit_rows.after
    order by l.seq limit check_audit_rows.most
  ),
  links as (
    select r.seq, r.hash, r.is_own,
      r.seq = lag(r.seq, 1, check_audit_rows.after) over log + 1
        and r.prev_hash = lag(r.hash, 1, check_audit_rows.hash) over log as is_next
    from rows as r window log as (order by r.seq)
  )
  select count(*)::int, max(k.seq), (array_agg(k.hash order by k.seq desc))[1],
    min(k.seq) filter (where not (k.is_own and k.is_next)),
    (array_agg(not k.is_own order by k.seq) filter (where not (k.is_own and k.is_next)))[1]
  from links as k
$$;

-- Returns where the log of a tenant ends according to the engine, and the newest signed checkpoint.
create or replace function howdah_private.audit_end(tenant_id uuid)
  returns table (seq bigint, hash bytea, checkpoint_seq bigint, checkpoint_at timestamptz)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select h.seq, h.hash, c.seq, c.created_at
  from howdah_private.audit_heads as h
  left join lateral (
    select k.seq, k.created_at from howdah_private.audit_checkpoints as k
    where k.tenant_id = h.tenant_id order by k.seq desc limit 1
  ) as c on true
  where h.tenant_id = audit_end.tenant_id
$$;

-- Refuses a place beyond the end of a log, from which there is nothing to check.
create or replace function howdah_private.check_audit_place(after bigint, last_seq bigint)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_audit_place.after > check_audit_place.last_seq then
    raise exception using errcode = 'HWINV',
      message = format('there is no row %s: the audit log ends at row %s',
        check_audit_place.after, check_audit_place.last_seq),
      detail = jsonb_build_object('field', 'after', 'last_seq', check_audit_place.last_seq)::text,
      hint = 'Leave out "after" to check the log from its beginning.';
  end if;
end $$;

create or replace function howdah.check_audit_log(
  after bigint default 0, most int default 10000,
  out checked int, out through bigint, out last_seq bigint, out fault text, out fault_seq bigint,
  out checkpoint_seq bigint, out checkpoint_at timestamptz
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id constant uuid := howdah.current_tenant();
  v_most constant int := greatest(1, least(coalesce(check_audit_log.most, 10000), 100000));
  v_before record;
  v_rows record;
  v_end record;
begin
  perform howdah_private.permit('audit_log', 'read');
  select * into v_before
  from howdah_private.audit_row_before(v_tenant_id, coalesce(check_audit_log.after, 0));
  select * into v_rows
  from howdah_private.check_audit_rows(v_tenant_id, v_before.seq, v_before.hash, v_most);
  select * into v_end from howdah_private.audit_end(v_tenant_id);
  perform howdah_private.check_audit_place(
    check_audit_log.after, greatest(v_before.seq, v_end.seq, 0));
  checked := coalesce(v_rows.checked, 0);
  through := coalesce(v_rows.through, v_before.seq, check_audit_log.after);
  last_seq := coalesce(v_end.seq, 0);
  checkpoint_seq := v_end.checkpoint_seq;
  checkpoint_at := v_end.checkpoint_at;
  if v_before.seq is null then
    fault := 'missing';
    fault_seq := check_audit_log.after;
  elsif v_rows.fault_seq is not null then
    fault := case when v_rows.is_changed then 'changed' else 'missing' end;
    fault_seq := v_rows.fault_seq;
  elsif checked < v_most and through < last_seq then
    fault := 'truncated';
    fault_seq := through + 1;
  elsif through > last_seq or (through = last_seq
    and coalesce(v_rows.last_hash, v_before.hash) <> v_end.hash) then
    fault := 'forged';
    fault_seq := through;
  end if;
end $$;
comment on function howdah.check_audit_log(bigint, int) is
  'Checks the chain of the audit log of the tenant, from the row after the number "after": select '
  '* from howdah.check_audit_log(). Checks at most 100,000 rows at once; go on with through until '
  'it is last_seq. fault is null if all is well, else changed, missing, truncated or forged, and '
  'fault_seq is the first row that is wrong. For admins and owners. howdah doctor --audit also '
  'compares checkpoints outside of the database.';
