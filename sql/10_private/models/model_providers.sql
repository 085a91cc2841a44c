-- Decides which providers a model can have. Processes report which packages and keys their host has
-- (provider_reports), and a model that no host can use is refused when it is written. Models that
-- are stored already are left alone. A worker whose host lacks the package or key fails the call.

-- Replaces the reports of a host, or of the API (host/api) or commands (host/cli) of a host, whose
-- environments may differ. `providers` is a list of {provider, has_package, has_key, has_address}.
-- Rows are written in the order of names, so that two processes of a host wait for each other. If
-- the address of OpenAI changes, models there lose or get the prices of the catalogue.
create or replace function howdah_private.report_providers(host text, providers jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_was_elsewhere boolean := howdah_private.is_provider_reported('openai', 'address');
begin
  insert into howdah_private.provider_reports as r
    (host, provider, has_package, has_key, has_address)
  select report_providers.host, p.provider, bool_or(p.has_package), bool_or(p.has_key),
    coalesce(bool_or(p.has_address), false)
  from jsonb_to_recordset(report_providers.providers)
    as p (provider text, has_package boolean, has_key boolean, has_address boolean)
  group by p.provider
  order by p.provider collate "C"
  on conflict on constraint provider_reports_pkey do update
  set has_package = excluded.has_package, has_key = excluded.has_key,
    has_address = excluded.has_address, reported_at = now()
  where (r.has_package, r.has_key, r.has_address)
      is distinct from (excluded.has_package, excluded.has_key, excluded.has_address)
    or r.reported_at < now() - interval '1 day';
  delete from howdah_private.provider_reports as r
  where r.host = report_providers.host and not exists (
    select from jsonb_to_recordset(report_providers.providers) as p (provider text)
    where p.provider = r.provider);
  if howdah_private.is_provider_reported('openai', 'address') <> v_was_elsewhere then
    update howdah.models as m set base_url = null
    where m.provider = 'openai' and m.base_url is null;
  end if;
end $$;

-- Deletes the reports of hosts without a worker that have not reported for 30 days. Returns the
-- number of reports about providers.
create or replace function howdah_private.delete_old_provider_reports() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah_private.provider_reports as r
  where r.reported_at < now() - interval '30 days'
    and split_part(r.host, '/', 1) not in (select w.host from howdah_private.workers as w);
  get diagnostics v_count = row_count;
  delete from howdah_private.egress_reports as r
  where r.reported_at < now() - interval '30 days'
    and split_part(r.host, '/', 1) not in (select w.host from howdah_private.workers as w);
  return v_count;
end $$;

-- Returns whether a provider is a host with a dot, such as models.example:8443.
create or replace function howdah_private.is_host(name text) returns boolean
  language sql immutable
  return is_host.name ~ '^[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?$'
    and coalesce(substring(is_host.name from ':([0-9]+)$')::int, 0) <= 65535;

-- Returns the name and the address of a provider as stored: lower case, the vendor for one of its
-- other names, and for any other host name the address of its API in OpenAI's format. The host of a
-- vendor without a path, such as https://api.groq.com, means the usual address there: none for the
-- vendor itself, and for another provider the address in OpenAI's format.
create or replace function howdah_private.resolve_provider(provider text, base_url text)
  returns table (name text, url text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(v.name, p.word), case
      when h.name = v.name and h.name <> 'openai' then null
      when h.name is not null then coalesce(h.openai_url, resolve_provider.base_url)
      when resolve_provider.base_url is null and v.name is null and howdah_private.is_host(p.word)
        then format('https://%s/v1', p.word)
      else resolve_provider.base_url end
  from (
    select lower(btrim(resolve_provider.provider)),
      substring(lower(btrim(resolve_provider.base_url)) from '^https://([^/]+\.[^/]+)/*$')
  ) as p (word, host)
  left join howdah_private.model_vendors() as v on p.word = any (v.name || v.aliases)
  left join howdah_private.model_vendors() as h on p.host = any (h.aliases) and not h.is_local
$$;

-- Returns whether a stored name is that of a provider: ours, a vendor, a package or a host.
create or replace function howdah_private.is_provider(name text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select is_provider.name in ('local', 'scripted', 'openai-compatible', 'vllm')
    or is_provider.name ~ '^(npm|engine):.'
    or howdah_private.is_host(is_provider.name)
    or exists (select from howdah_private.model_vendors() as v where v.name = is_provider.name)
$$;

-- Returns whether a host of this database has a package, a key or another address for a provider.
-- The address that a command was given says nothing about the workers.
create or replace function howdah_private.is_provider_reported(provider text, by text)
  returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.provider_reports as r
    where r.provider = is_provider_reported.provider
      and case is_provider_reported.by
        when 'key' then r.has_key
        when 'address' then r.has_address and r.host not like '%/cli'
        else r.has_package end)
$$;

-- Refuses a server or a package without an address.
create or replace function howdah_private.raise_missing_address(provider text) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('provider %L needs a base_url', raise_missing_address.provider),
    detail = jsonb_build_object('field', 'base_url',
      'provider', raise_missing_address.provider)::text,
    hint = 'Set base_url to the address of the server, which usually ends in /v1.';
end $$;

-- Refuses an unknown provider.
create or replace function howdah_private.raise_unknown_provider(provider text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_near text := howdah_private.nearest_word(left(raise_unknown_provider.provider, 60), array(
    select w.word from howdah_private.model_vendors() as v
    cross join lateral unnest(v.name || v.aliases) as w (word)) || array['local', 'scripted']);
begin
  raise exception using errcode = 'HWINV',
    message = format('there is no model provider %L', left(raise_unknown_provider.provider, 60)),
    detail = jsonb_build_object('field', 'provider',
      'provider', left(raise_unknown_provider.provider, 60), 'suggestion', v_near)::text,
    hint = coalesce('Did you mean ' || v_near || '? ', '')
      || 'For another server with the API of OpenAI, set provider to openai-compatible '
      'and base_url to its address.';
end $$;

-- Refuses a provider whose package no host has.
create or replace function howdah_private.raise_missing_package(provider text, package text)
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('provider %L needs the package %s, which is not installed%s',
      raise_missing_package.provider, raise_missing_package.package,
      case when starts_with(raise_missing_package.provider, 'npm:') then ' or not allowed'
        else '' end),
    detail = jsonb_build_object('field', 'provider', 'provider', raise_missing_package.provider,
      'package', raise_missing_package.package)::text,
    hint = case when starts_with(raise_missing_package.provider, 'npm:')
      then format('Run npm install %1$s, add %1$s to HOWDAH_PROVIDER_PACKAGES, '
        'then start Howdah again.', raise_missing_package.package)
      else format('Run npm install %s, then start Howdah again.', raise_missing_package.package)
      end;
end $$;

-- Refuses a provider for which no process has a key. Models of `openai` may take another address
-- from the environment of the worker, and are accepted while no worker or API has reported its
-- keys.
create or replace function howdah_private.check_vendor_key(provider text) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_vendor record;
begin
  select v.title, v.key_variables || v.key_pair as variables,
    v.key_variables[1] || case when v.key_pair <> '{}'
      then format(', or %s and %s,', v.key_pair[1], v.key_pair[2]) else '' end as words
  into v_vendor from howdah_private.model_vendors() as v
  where v.name = check_vendor_key.provider;
  if check_vendor_key.provider = 'openai' and (
      not exists (
        select from howdah_private.provider_reports as r where r.host not like '%/cli')
      or exists (select from howdah_private.provider_reports as r
        where r.provider = 'openai' and r.has_address)) then
    return;
  end if;
  raise exception using errcode = 'HWINV',
    message = format('there is no API key for %s', v_vendor.title),
    detail = jsonb_build_object('field', 'provider', 'provider', check_vendor_key.provider,
      'variables', v_vendor.variables)::text,
    hint = format('Set %s and start Howdah again, or store the key (howdah admin secret set %s) '
      'and set secret_name to %2$s.', v_vendor.words, check_vendor_key.provider);
end $$;

-- Refuses a purpose for which the provider has no models.
create or replace function howdah_private.check_purpose(provider text, purpose howdah.model_purpose)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_others text;
begin
  if check_purpose.purpose::text <> all (howdah_private.missing_purposes(check_purpose.provider))
  then
    return;
  end if;
  select string_agg(v.name, ', ') into v_others from howdah_private.model_vendors() as v
  where v.name in ('openai', 'google', 'cohere', 'elevenlabs', 'deepgram', 'ollama')
    and check_purpose.purpose::text <> all (howdah_private.missing_purposes(v.name));
  raise exception using errcode = 'HWINV',
    message = format('provider %s has no models of purpose %s', check_purpose.provider,
      check_purpose.purpose),
    detail = jsonb_build_object('field', 'purpose', 'provider', check_purpose.provider,
      'purpose', check_purpose.purpose)::text,
    hint = format('Choose another provider for %s, such as %s.', check_purpose.purpose, v_others);
end $$;

-- Refuses a host that resembles the host of a vendor: a misspelt name would send conversations and
-- keys to an unknown server.
create or replace function howdah_private.check_host_name(host text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_near text := howdah_private.nearest_host(check_host_name.host);
begin
  if v_near is null then
    return;
  end if;
  raise exception using errcode = 'HWINV',
    message = format('provider %L is not the host of a known vendor', check_host_name.host),
    detail = jsonb_build_object('field', 'provider', 'provider', check_host_name.host,
      'suggestion', v_near)::text,
    hint = format('Did you mean %s? For a server of your own, set provider to openai-compatible '
      'and base_url to its address.', v_near);
end $$;

-- Returns the host of a vendor that differs from a host by one letter, or null.
create or replace function howdah_private.nearest_host(host text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with hosts as (
    select a.host, v.place
    from howdah_private.model_vendors() with ordinality
      as v (name, title, package, is_bundled, openai_url, is_local, aliases, key_variables,
        settings, key_pair, place)
    cross join lateral unnest(v.aliases) as a (host)
    where length(a.host) between 8 and 60 and howdah_private.is_host(a.host)
  )
  select h.host from hosts as h
  where abs(length(h.host) - length(nearest_host.host)) <= 1
    and exists (
      -- without the letter at one place of each, both are the same
      select from generate_series(0, greatest(length(h.host), length(nearest_host.host))) as i
      where case sign(length(h.host) - length(nearest_host.host))
        when 0 then overlay(h.host placing '' from i + 1 for 1)
          = overlay(nearest_host.host placing '' from i + 1 for 1)
        when 1 then overlay(h.host placing '' from i + 1 for 1) = nearest_host.host
        else overlay(nearest_host.host placing '' from i + 1 for 1) = h.host end)
  order by h.place
  limit 1
$$;

-- Refuses a model that no process can run.
create or replace function howdah_private.check_provider(m howdah.models) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_vendor record;
begin
  perform howdah_private.check_purpose(m.provider, m.purpose);
  if m.provider is null or m.provider in ('local', 'scripted')
    or starts_with(m.provider, 'engine:') then
    return;
  elsif starts_with(m.provider, 'npm:') then
    if not howdah_private.is_provider_reported(m.provider, 'package') then
      perform howdah_private.raise_missing_package(m.provider, substr(m.provider, 5));
    elsif m.base_url is null then
      perform howdah_private.raise_missing_address(m.provider);
    end if;
    perform howdah_private.check_package(m.provider);
    return;
  elsif m.base_url is not null and howdah_private.is_provider(m.provider) then
    return;
  elsif m.provider in ('openai-compatible', 'vllm') then
    perform howdah_private.raise_missing_address(m.provider);
  end if;
  select v.* into v_vendor from howdah_private.model_vendors() as v where v.name = m.provider;
  if not found then
    perform howdah_private.raise_unknown_provider(m.provider);
  elsif v_vendor.openai_url is null and not v_vendor.is_bundled
    and not howdah_private.is_provider_reported(m.provider, 'package') then
    perform howdah_private.raise_missing_package(m.provider, v_vendor.package);
  elsif v_vendor.is_local then
    perform howdah_private.check_machine('provider', v_vendor.openai_url);
  elsif m.secret_name is null and not howdah_private.is_provider_reported(m.provider, 'key') then
    perform howdah_private.check_vendor_key(m.provider);
  end if;
end $$;

-- Returns why no process can run a stored model, as {message, hint}, or null. The words are those
-- in which such a model is refused. A stored address of the machine was allowed when it was stored.
create or replace function howdah_private.model_fault(m howdah.models) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_message text;
  v_hint text;
begin
  perform howdah_private.check_provider(m);
  return null;
exception
  when sqlstate 'HWINV' then
    get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
    return jsonb_build_object('message', v_message, 'hint', v_hint);
  when sqlstate 'HWDEN' then
    return null;
end $$;
