-- Returns the maximum size of a column that the application writes, by the name of the column. The
-- entry of a table takes precedence. A column without an entry may have 1 MB, a list 100 kB, a text
-- of an index 2,000 bytes. `most` null: a check or trigger of the column limits it.
create or replace function howdah_private.size_limits()
  returns table (table_name text, column_name text, most int, unit text)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  values
    (null, 'name', 200, 'characters'),
    (null, 'slug', 200, 'characters'),
    (null, 'username', 200, 'characters'),
    (null, 'email', 320, 'characters'),
    (null, 'title', 500, 'characters'),
    (null, 'domain', 200, 'characters'),
    (null, 'provider', 200, 'characters'),
    (null, 'model', 500, 'characters'),
    (null, 'secret_name', 200, 'characters'),
    (null, 'function', 200, 'characters'),
    (null, 'base_url', 2000, 'characters'),
    (null, 'url', 2000, 'characters'),
    (null, 'callback_url', 2000, 'characters'),
    (null, 'cron', 200, 'characters'),
    (null, 'timezone', 100, 'characters'),
    (null, 'description', 102400, 'bytes'),
    ('settings', 'key', 200, 'characters'),
    ('limits', 'key', 500, 'characters'),
    ('executions', 'callback_url', null, null),
    ('executions', 'idempotency_key', null, null),
    ('executions', 'concurrency_key', null, null),
    ('executions', 'debounce_key', null, null),
    ('webhooks', 'url', null, null),
    ('executions', 'input', null, null),
    ('executions', 'input_data', null, null),
    ('executions', 'input_parts', null, null),
    ('dataset_items', 'input_parts', null, null),
    ('dataset_items', 'history', null, null),
    ('executions', 'history', null, null),
    ('executions', 'client_tools', null, null),
    ('executions', 'metadata', null, null),
    ('executions', 'overrides', null, null),
    ('inbound_hooks', 'condition', 4000, 'characters'),
    ('inbound_hooks', 'session_key', 4000, 'characters'),
    ('inbound_hooks', 'debounce_key', 4000, 'characters'),
    ('schedules', 'input', null, null),
    ('schedules', 'concurrency_key', 500, 'characters'),
    ('prompts', 'template', 262144, 'bytes'),
    ('skills', 'content', 61440, 'bytes'),
    ('mail', 'content', 32768, 'bytes'),
    ('mail', 'subject', 200, 'characters'),
    ('resources', 'name', null, null),
    ('resources', 'sha256', null, null),
    ('resources', 'type', null, null),
    ('todos', 'note', null, null),
    ('todos', 'title', null, null),
    ('tools', 'name', null, null)
$$;
