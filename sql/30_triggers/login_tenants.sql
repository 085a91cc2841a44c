-- Rules for logins that are bound to a tenant: which logins may be bound, the role of the database
-- that they get, and their time-outs.

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
    when r.rolbypassrls then format('%s bypasses row security', r.rolname)
    when g.name is not null
      then format('%s is a member of %s, which acts for every tenant', r.rolname, g.name)
  end into v_fault
  from (select) as one_row
  left join pg_roles as r on r.rolname = new.login
  left join lateral (
    select s.name
    from unnest('{howdah_owner,howdah_worker,howdah_authenticator,howdah_eraser}'::name[])
      with ordinality as s (name, position)
    where pg_has_role(r.oid, s.name, 'member') order by s.position limit 1
  ) as g on true
  where r.rolname is null or not r.rolcanlogin or r.rolbypassrls or g.name is not null;
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

-- Gives the login of a viewer the role howdah_viewer in place of howdah_app, and a login that only
-- inserts howdah_inserter. A login that may delete rows of a table may lock the table, and so stop
-- every tenant. A login that stops being such a login gets howdah_app again.
create or replace function howdah_private.tg_login_tenants__set_role() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_grantor text;
  v_role text;
  v_new text := howdah_private.role_of_login(new.role, new.scopes);
  v_old text;
begin
  if tg_op = 'UPDATE' then
    v_old := howdah_private.role_of_login(old.role, old.scopes);
  end if;
  if v_new = 'howdah_app' and coalesce(v_old, v_new) = v_new then
    return null; -- an owner grants this role
  end if;
  for v_role, v_grantor in
    select m.roleid::regrole, m.grantor::regrole from pg_auth_members as m
    where m.roleid in ('howdah_app'::regrole, 'howdah_viewer'::regrole, 'howdah_inserter'::regrole)
      and m.roleid <> v_new::regrole and m.member = (
        select r.oid from pg_roles as r where r.rolname = new.login)
      and (v_new <> 'howdah_app' or m.roleid = 'howdah_inserter'::regrole)
  loop
    -- before PostgreSQL 16 only superusers may name a grantor, and none is needed
    execute format('revoke %s from %I', v_role, new.login)
      || case when current_setting('server_version_num')::int >= 160000
        then ' granted by ' || v_grantor else '' end;
  end loop;
  if not pg_has_role(new.login, v_new, 'member') then
    execute format('grant %I to %I', v_new, new.login);
  end if;
  return null;
end $$;

-- Returns the role of the database that a login gets for its role and scopes.
create or replace function howdah_private.role_of_login(role howdah.user_role, scopes text[])
  returns name
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when role_of_login.scopes = array['runs:create'] then 'howdah_inserter'
    when role_of_login.role = 'viewer' then 'howdah_viewer' else 'howdah_app' end
$$;

create or replace trigger _400_set_role
  after insert or update of login, role, scopes on howdah_private.login_tenants
  for each row execute function howdah_private.tg_login_tenants__set_role();

-- Refuses the login of a viewer that could still change or lock a table of Howdah, for example as a
-- member of another role. Runs after the login has its role.
create or replace function howdah_private.tg_login_tenants__refuse_writer() returns trigger
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table text := howdah_private.table_locked_by(new.login);
begin
  if v_table is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s may write to %s, which the login of a viewer may not', new.login,
        v_table),
      detail = jsonb_build_object('field', 'role', 'login', new.login, 'table', v_table)::text,
      hint = 'Take the privilege from the login and from its roles; '
        'howdah_viewer is the only role of Howdah that it needs.';
  end if;
  return null;
end $$;

-- Refuses the login of a system that only inserts if it could still read, as a member of another
-- role. Runs after the login has its role.
create or replace function howdah_private.tg_login_tenants__refuse_reader() returns trigger
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.role = 'viewer' then
    raise exception using errcode = 'HWINV', message = 'a viewer may not start runs',
      detail = jsonb_build_object('field', 'role', 'login', new.login)::text,
      hint = 'Bind a login with the scope runs:create as a member.';
  elsif has_any_column_privilege(new.login, 'howdah.messages', 'select') then
    raise exception using errcode = 'HWINV',
      message = format('%s may read messages, which a login with the scope runs:create may not',
        new.login),
      detail = jsonb_build_object('field', 'scopes', 'login', new.login)::text,
      hint = 'Take the privilege from the login and from its roles; '
        'howdah_inserter is the only role of Howdah that it needs.';
  end if;
  return null;
end $$;
create or replace trigger _405_refuse_reader
  after insert or update of login, role, scopes on howdah_private.login_tenants
  for each row when (new.scopes = '{runs:create}')
  execute function howdah_private.tg_login_tenants__refuse_reader();

-- Returns a table of Howdah that the login may lock against others, or null. `lock table` in a
-- strong mode takes one of these privileges on the whole table.
create or replace function howdah_private.table_locked_by(login name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass::text from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('howdah', 'howdah_private', 'graphile_worker')
    and c.relkind in ('r', 'p', 'v')
    and has_table_privilege(table_locked_by.login, c.oid, 'UPDATE, DELETE, TRUNCATE'
      || case when current_setting('server_version_num')::int >= 170000 then ', MAINTAIN'
        else '' end)
  order by 1 limit 1
$$;

create or replace trigger _410_refuse_writer
  after insert or update of login, role on howdah_private.login_tenants
  for each row when (new.role = 'viewer')
  execute function howdah_private.tg_login_tenants__refuse_writer();

-- Sets the time-outs that the login lacks in this database. They end what holds locks by mistake; a
-- session may still change them. `howdah.ask` and `howdah.tail` are single statements that commit
-- often, so a statement may take longer than a transaction. A caller that may not alter the login
-- gets a warning, and howdah doctor names the login.
create or replace function howdah_private.tg_login_tenants__set_timeouts() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_statement text;
begin
  for v_statement in select t.statement from howdah_private.missing_timeouts(new.login) as t loop
    execute v_statement;
  end loop;
  return null;
exception when insufficient_privilege then
  raise warning using message = format('the login %s has no time-outs', new.login),
    hint = format('A role that may alter the login runs: %s',
      (select string_agg(t.statement, '; ') from howdah_private.missing_timeouts(new.login) as t));
  return null;
end $$;

-- Returns the time-outs that a login lacks in this database, and the statements that set them.
create or replace function howdah_private.missing_timeouts(login name)
  returns table (setting text, statement text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select t.setting, format('alter role %I in database %I set %s = %L', missing_timeouts.login,
    current_database(), t.setting, t.value)
  from (values
    (1, 'statement_timeout', '10min'), (2, 'lock_timeout', '10s'),
    (3, 'idle_in_transaction_session_timeout', '60s'), (4, 'transaction_timeout', '60s')
  ) as t (position, setting, value)
  where exists (select from pg_settings as s where s.name = t.setting)
    and not exists (
      select from pg_db_role_setting as d
      cross join unnest(d.setconfig) as c (entry)
      where d.setrole in (
          0, (select r.oid from pg_roles as r where r.rolname = missing_timeouts.login))
        and d.setdatabase in (
          0, (select b.oid from pg_database as b where b.datname = current_database()))
        and split_part(c.entry, '=', 1) = t.setting
        and split_part(c.entry, '=', 2) !~ '^0+ *[a-z]*$'
    )
  order by t.position
$$;

create or replace trigger _420_set_timeouts
  after insert or update of login, role on howdah_private.login_tenants
  for each row execute function howdah_private.tg_login_tenants__set_timeouts();
