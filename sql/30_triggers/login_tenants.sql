-- Refuses logins that cannot act for one tenant. A row for a misspelt login would apply to a later
-- role of that name. A row for an owner, a worker or the API would make each of their sessions act
-- for that tenant alone. Row security does not restrict a superuser.
create or replace function howdah_private.tg_login_tenants__refuse_unfit() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  select case
    when not r.rolcanlogin then format('%s is a role that cannot log in', r.rolname)
    when r.rolsuper
      then format('%s is a superuser, which row security does not restrict', r.rolname)
    when g.name is not null
      then format('%s is a member of %s, which acts for every tenant', r.rolname, g.name)
  end into v_fault
  from (select) as one_row
  left join pg_roles as r on r.rolname = new.login
  left join lateral (
    select s.name
    from unnest('{howdah_owner,howdah_worker,howdah_authenticator}'::name[]) as s (name)
    where pg_has_role(r.oid, s.name, 'member') limit 1
  ) as g on true
  where r.rolname is null or not r.rolcanlogin or g.name is not null;
  if found then
    raise exception using errcode = 'HWINV',
      message = coalesce(v_fault, format('there is no login %s', new.login)),
      detail = jsonb_build_object('field', 'login', 'login', new.login)::text,
      hint = 'Use a separate login that is not a superuser: create role NAME login password …; '
        'grant howdah_app to NAME.';
  end if;
  return new;
end $$;

create or replace trigger _300_refuse_unfit
  before insert or update of login on howdah_private.login_tenants
  for each row execute function howdah_private.tg_login_tenants__refuse_unfit();
