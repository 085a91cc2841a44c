-- Detection of secrets in plain text. Rows must not contain keys: a free-form document is refused
-- if any value in it, at any depth, looks like a key by its name or by its shape.

-- Tests whether a document contains a fragment of any name or shape of a key. A document without
-- such a fragment needs no search, which would cost more than the rest of an insert with metadata.
-- Uses words instead of a regular expression: 2 µs instead of 20. A new session would also compile
-- the regular expressions, which takes 11 ms.
create or replace function howdah_private.can_contain_secret(document jsonb) returns boolean
  language sql immutable
  return lower(document::text) like any (array[
    '%key%', '%token%', '%secret%', '%pass%', '%pwd%', '%\_pat%', '%credential%',
    '%authorization%', '%cookie%', '%bearer%', '%basic %', '%sk-%', '%sk\_%', '%sk.%', '%rk-%',
    '%rk\_%', '%rk.%', '%xai-%', '%xai\_%', '%xai.%', '%pplx%', '%r8-%', '%r8\_%', '%r8.%',
    '%gho%', '%ghp%', '%ghs%', '%ghu%', '%ghr%', '%glpat%', '%hf-%', '%hf\_%', '%hf.%', '%npm-%',
    '%npm\_%', '%npm.%', '%dop\_v1%', '%hwd-%', '%hwd\_%', '%hwd.%', '%lin\_api%', '%ntn-%',
    '%ntn\_%', '%ntn.%', '%aiza%', '%ya29%', '%akia%', '%asia%', '%xox%', '%whsec%', '%sg-%',
    '%sg\_%', '%sg.%', '%eyj%', '%begin%', '%://%', '%sig=%', '%signature=%', '%auth=%', '%jwt=%',
    '%howdah.sealed%' -- not a key: check_run refuses it in metadata
  ]);

-- Recognizes names of fields whose text is a key: apiKey, X-Api-Key, client_secret, GITHUB_TOKEN.
-- Does not match max_tokens, stop_token and secret_name.
create or replace function howdah_private.is_secret_name(name text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select name
      ~ '^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_(TOKEN|SECRET|PAT|PASS|PASSWORD|PASSWD|PWD|CREDENTIALS)$'
    or lower(regexp_replace(name, '([a-z0-9])([A-Z])', '\1_\2', 'g')) ~ (
      '(^|[-_.])((api|access|secret|private|signing|encryption|subscription|account|shared)[-_]?key'
      || '|secret[-_]?access[-_]?key'
      || '|(access|auth|api|bearer|refresh|session|id|private|personal|security)[-_]?token'
      || '|secret|password|passwd|passphrase|credentials?|authorization|set-cookie|cookie)$'
      || '|^(token|pwd|bearer)$')
$$;

-- Returns the pattern of URL parameters whose value is a key: ?token=, &private_token=,
-- ?X-Amz-Signature=, #access_token=. Leaves out ?page_token=, which is a cursor, ?sort_key=, and
-- ?pwd=, which is a folder as often.
create or replace function howdah_private.key_parameters() returns text
  language sql immutable
  return '((([a-z0-9]+[-_.])*((api|access|secret|private|signing|subscription|account|shared'
    || '|auth|app|service|license)[-_.]?key'
    || '|(access|auth|api|bearer|refresh|session|id|private|personal|security|user|bot)[-_]?token'
    || '|secret|password|passwd|passphrase|credentials?|authorization|signature|jwt))'
    || '|key|token|sig|auth)';

-- Recognizes texts that contain a key, by the key formats of vendors. A key in the middle of a text
-- must be long and have a digit: "sk-learn" and "Bearer of news" are words.
create or replace function howdah_private.contains_secret(text text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select text ~ ('^(sk-[A-Za-z0-9_-]{8}|Bearer [A-Za-z0-9._-]{8}[^ ]*$|Basic [A-Za-z0-9+/=]{8,}$'
      || '|(sk|rk)_(live|test)_)')
    or text ~ ('(^|[^A-Za-z0-9_-])('
      || '(sk|gsk|xai|pplx|r8)[-_](?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16}'
      || '|(gh[opsur]|github_pat|glpat|hf|npm|dop_v1|hwd|lin_api|ntn)[-_]'
      || '(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16}'
      || '|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}|(AKIA|ASIA)[A-Z0-9]{12,16}([^A-Za-z0-9]|$)'
      || '|xox[abeprs]-[A-Za-z0-9-]{10}|whsec_[A-Za-z0-9+/]{16}|SG\.[A-Za-z0-9_-]{16}'
      || '|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}'
      || ')')
    or text ~ '-----BEGIN ([A-Z]+ )*PRIVATE KEY-----'
    or text ~* '[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@'
    or text ~* ('[?&;#]' || howdah_private.key_parameters() || '=[^&\s]{8}')
$$;

-- Recognizes keys in prose, such as an instruction. Prose has words around a key, and words may
-- look like the beginning of a key. So a key must have a part that no word has: sixteen letters and
-- digits in a row. An example of an address does not match.
create or replace function howdah_private.prose_contains_secret(prose text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.can_contain_secret(to_jsonb(prose)) and (
    prose ~ ('(^|[^A-Za-z0-9_-])('
        || '(sk|rk|gsk|xai|pplx|r8|hf|npm|dop_v1|hwd|lin_api|ntn|whsec|SG|gh[opsur]|glpat)[-_.]'
        || '([A-Za-z0-9]{1,12}[-_]){0,3}'
        || '(?=[A-Za-z]{0,47}[0-9])[A-Za-z0-9+/]{16}'
        || '|(gh[opsur]|github_pat|glpat)[-_](?=[A-Za-z_-]{0,15}[0-9])[A-Za-z0-9_-]{16}'
        || '|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}'
        || '|(AKIA|ASIA)(?=[A-Z]{0,15}[0-9])[A-Z0-9]{16}([^A-Za-z0-9]|$)'
        || '|xox[abeprs]-[0-9]{6,}-[A-Za-z0-9-]{6}'
        || '|Bearer [A-Za-z0-9._-]*(?=[A-Za-z]{0,47}[0-9])[A-Za-z0-9]{16}'
        || '|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}'
        || ')')
    or prose ~ '-----BEGIN ([A-Z]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}'
    or prose ~ '[a-z][a-z0-9+.-]*://[^/\s:@]*:(?=[^/\s@]{0,30}[0-9])[^/\s@]{12,}@'
    or prose ~* ('[?&;#]' || howdah_private.key_parameters()
        || '=(?=[a-z]{0,47}[0-9])[a-z0-9]{16}')
  )
$$;

-- Recognizes lines such as `password: Tr0ub4dor`: the name of a key, followed by one word of
-- letters and digits, which prose does not have.
create or replace function howdah_private.line_assigns_secret(line text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bool_or(howdah_private.is_secret_name(m.parts[1])), false)
  from regexp_matches(line_assigns_secret.line,
    '([A-Za-z0-9_.-]+)["'']?\s*[:=]\s*["'']?(?=[^\s"'',]*[0-9])(?=[^\s"'',]*[A-Za-z])'
    '[^\s"'',{}\[\]]{8,}["'']?,?\s*$') as m (parts)
$$;

create or replace function howdah_private.raise_plain_secret(field text, path text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWINV',
    message = format('%s contains a key; rows must not contain keys', raise_plain_secret.path),
    detail = jsonb_build_object(
      'field', raise_plain_secret.field, 'path', raise_plain_secret.path)::text,
    hint = 'Store the key as a secret: howdah admin secret set NAME (the value comes from stdin). '
      'Then write the name of the secret, such as in secret_name of a model.';
end $$;

create or replace function howdah_private.check_secret_in_prose(field text, prose text)
  returns void
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.raise_plain_secret(
    check_secret_in_prose.field, check_secret_in_prose.field)
  where howdah_private.prose_contains_secret(check_secret_in_prose.prose)
$$;

-- Refuses a document that contains a key, with the path of the key.
create or replace function howdah_private.check_plain_secrets(field text, document jsonb)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text;
begin
  if not howdah_private.can_contain_secret(check_plain_secrets.document) then
    return;
  end if;
  with recursive entries (path, name, value) as (
    select check_plain_secrets.field, ''::text, check_plain_secrets.document
    union all
    select e.path || '.' || c.name, c.name, c.value
    from entries as e
    cross join lateral (
      select o.key as name, o.value
      from jsonb_each(case jsonb_typeof(e.value) when 'object' then e.value else '{}' end) as o
      union all
      select (a.place - 1)::text, a.value
      from jsonb_array_elements(case jsonb_typeof(e.value) when 'array' then e.value else '[]' end)
        with ordinality as a (value, place)
    ) as c
  )
  select e.path into v_path from entries as e
  where jsonb_typeof(e.value) = 'string' and e.value <> '""' and (
    howdah_private.is_secret_name(e.name) or howdah_private.contains_secret(e.value #>> '{}')
  )
  limit 1;
  if v_path is not null then
    perform howdah_private.raise_plain_secret(check_plain_secrets.field, v_path);
  end if;
end $$;
