-- Refuses a caller that is neither an admin nor an owner of the tenant, for what belongs to no
-- table. `what` follows "may not". API keys need the scope `read`, which each of them has. A role
-- alone is not enough: the login of a deactivated tenant keeps its role, but acts for no tenant.
create or replace function howdah_private.check_admin(what text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role constant howdah.user_role := howdah.current_user_role();
begin
  if howdah.current_tenant() is null then
    raise exception using errcode = 'HWDEN', message = 'this login acts for no tenant',
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'An owner of the database binds it with a row in howdah_private.login_tenants.';
  elsif coalesce(v_role <= 'admin', false) then
    return;
  end if;
  raise exception using errcode = 'HWDEN',
    message = format('%s may not %s', howdah_private.caller_label(), check_admin.what),
    detail = jsonb_build_object('role', v_role, 'required_role', 'admin')::text,
    hint = 'The action requires the role admin or owner.';
end $$;
