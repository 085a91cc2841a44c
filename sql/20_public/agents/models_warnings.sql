-- Returns what keeps a stored model from being used, where nothing refuses it: speech for which
-- Howdah has no adapter. The notice of an insert, REST, GraphQL, the banner and howdah doctor show it.
create or replace function howdah.models_warnings(m howdah.models) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when (m).purpose not in ('tts', 'stt') then '{}'
    when (m).base_url ~* '^wss?:' then array[
      'Howdah has no adapter for speech over a WebSocket yet. The model is stored; calls of it fail.']
    when howdah_private.is_host((m).provider) and (m).base_url = format('https://%s/v1', (m).provider)
      then array[format('Howdah has no adapter for %s yet, and calls %s in the format of OpenAI. '
        'If the server has another format, calls fail. To try it: howdah models test %s.',
        (m).provider, (m).base_url, quote_ident((m).name))]
    else '{}' end
$$;
comment on function howdah.models_warnings(howdah.models) is
  'Reasons why calls of a stored model may fail, such as speech without an adapter.';
