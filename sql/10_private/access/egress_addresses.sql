-- Protects the network of the workers against server-side request forgery. Applies to every row
-- with a URL or a command: models, MCP servers, HTTP tools, engines, webhooks, replies of inbound
-- hooks and integrations. A caller who owns the machine (owns_machine) may write private addresses.
-- Others may write public hosts, and the addresses that an operator opens by HOWDAH_EGRESS_ALLOW. A
-- public name may still resolve to a private address, so workers check the addresses again when
-- they connect.
--
-- Code that runs on the machine needs more: only an operator writes commands. A request without a
-- login comes from this machine by its headers alone, and a proxy in front of the API can send the
-- same headers for anybody.

-- Records the private addresses that a worker or an API may reach. Processes report when they
-- start and every hour (src/bootstrap.ts).
create or replace function howdah_private.report_egress(host text, addresses jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.egress_reports as r (host, addresses)
  values (report_egress.host, report_egress.addresses)
  on conflict on constraint egress_reports_pkey do update
  set addresses = excluded.addresses, reported_at = now()
$$;

-- Returns the host of a URL in lower case, without brackets around an IPv6 address, and the port.
-- Both are null for a text that is no URL.
create or replace function howdah_private.address_of(url text, out host text, out port int)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select btrim(p.parts[2], '[]'),
    coalesce(p.parts[3]::int, case when p.parts[1] = 's' then 443 else 80 end)
  from regexp_match(lower(address_of.url),
    '^(?:http|ws)(s?)://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/:?#]+)(?::([0-9]{1,5}))?') as p (parts)
  where p.parts is not null
$$;

-- Returns the host of a URL as address_of does.
create or replace function howdah_private.host_of(url text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select a.host from howdah_private.address_of(host_of.url) as a
$$;

-- Returns whether an operator opens the address of a URL to everybody. A report counts for a day,
-- so that an address is closed again when the last process that had it open is gone.
create or replace function howdah_private.is_address_open(url text) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.egress_reports as r
    cross join lateral jsonb_to_recordset(r.addresses) as a (host text, wildcard boolean, port int)
    cross join howdah_private.address_of(is_address_open.url) as u
    where r.reported_at > now() - interval '1 day' and coalesce(a.port = u.port, true)
      and case when a.wildcard then right(u.host, length(a.host) + 1) = '.' || a.host
        else u.host = a.host end)
$$;

-- Refuses a command, and a URL with an IP address or a private host name, unless the caller may
-- write it. Returns whether requests to the URL must pass the egress guard of workers, which is
-- false for commands, and for private addresses of an owner of the machine. Accepts a row without a
-- URL.
create or replace function howdah_private.check_machine(
  field text, url text, is_command boolean default false
) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_host text := howdah_private.host_of(check_machine.url);
  v_shown text := case when v_host like '%:%' then format('[%s]', v_host) else v_host end;
begin
  if not check_machine.is_command and (v_host is null
    or (v_host ~ '^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+([a-z]{2,}|xn--[a-z0-9-]+)\.?$'
      and v_host !~ ('(^|\.)(localhost|local|internal|intranet|lan|home|corp|localdomain|'
        'home\.arpa|nip\.io|sslip\.io)\.?$'))) then
    return true;
  end if;
  if howdah_private.is_operator()
    or (howdah_private.owns_machine() and not check_machine.is_command) then
    return false;
  end if;
  if not check_machine.is_command and howdah_private.is_address_open(check_machine.url) then
    return true;
  end if;
  raise exception using errcode = 'HWDEN',
    message = case when check_machine.is_command
      then format('%s must not be stdio, which is a command on the machine of the workers',
        check_machine.field)
      else format('%s must have a public host name, not %s', check_machine.field, v_shown) end,
    detail = jsonb_strip_nulls(
      jsonb_build_object('field', check_machine.field, 'host', v_shown))::text,
    hint = case when check_machine.is_command
      then 'Use type http, or ask an owner of the database to write it: in SQL (npx howdah db url) '
        'or with npx howdah apply FILE.'
      else 'Ask an owner of the database to write it, or an operator to add the host and port to '
        'HOWDAH_EGRESS_ALLOW and start Howdah again.' end;
end $$;

-- Refuses a package of npm as the provider of a model, from a request to a server without a login,
-- whatever the request shows: every client that reaches the port can create a key. The operator
-- has listed the package (HOWDAH_PROVIDER_PACKAGES), but the request makes workers load its code.
-- Only the API sets howdah.without_login.
create or replace function howdah_private.check_package(provider text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if starts_with(check_package.provider, 'npm:') and not howdah_private.is_operator()
    and current_setting('howdah.without_login', true) is not distinct from 'on' then
    raise exception using errcode = 'HWDEN',
      message = format('a server without a login takes no package as the provider: %s',
        check_package.provider),
      detail = jsonb_build_object('field', 'provider', 'provider', check_package.provider)::text,
      hint = 'Write the model as an owner of the database: in SQL (npx howdah db url) or with '
        'npx howdah apply FILE. Or require a login: HOWDAH_AUTH=required.';
  end if;
end $$;
