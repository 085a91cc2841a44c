-- The tools that every tenant has: what a worker runs by itself. A row of howdah.tools with kind builtin configures one.
create or replace function howdah_private.builtin_tools()
  returns table (name text, description text, parameters jsonb, effect howdah.tool_effect)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('ask_user', 'Asks the person this work is done for, and waits for the answer. Use it when you cannot go on '
      'without knowing something only they can know.',
      '{"type": "object", "additionalProperties": false, "required": ["question"], "properties": {
        "question": {"type": "string", "minLength": 1, "description": "What you want to know, in one or two sentences."},
        "options": {"type": "array", "items": {"type": "string"}, "description": "Answers to choose from, if there are few."}
      }}'::jsonb, 'pure'::howdah.tool_effect),
    ('todo',
      'Keeps the todo list of this conversation; people see it. Add what is to be done before you begin, set a todo to '
        'doing when you begin it and complete it when it is done. Every call gives the whole list.',
      '{
        "type": "object",
        "properties": {
          "action": {"type": "string", "enum": ["add", "update", "complete", "reorder", "list"]},
          "title": {"type": "string", "description": "what to do, one line: of add and update"},
          "items": {"type": "array", "items": {"type": "string"}, "description": "of add: several titles at once"},
          "position": {"type": "integer", "description": "which todo, by its position; of add: where to put it, left out the end"},
          "id": {"type": "string", "description": "which todo, by its id, instead of position"},
          "status": {"type": "string", "enum": ["open", "doing", "done", "blocked", "cancelled"], "description": "of update"},
          "note": {"type": "string", "description": "what stands in the way, or what came of it"},
          "order": {"type": "array", "items": {"type": ["integer", "string"]}, "description": "of reorder: positions or ids in the new order"}
        },
        "required": ["action"]
      }'::jsonb,
      'idempotent'::howdah.tool_effect),
    ('http_request',
      'Sends one HTTP request and gives its status, headers and body. Only addresses of the public internet can be reached.',
      '{
        "type": "object", "additionalProperties": false, "required": ["url"],
        "properties": {
          "url": {"type": "string", "description": "The complete URL, with https:// or http://"},
          "method": {"type": "string", "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], "default": "GET"},
          "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Request headers by name"},
          "body": {
            "type": ["string", "object", "array", "number", "boolean", "null"],
            "description": "Text is sent as it is, anything else as JSON; not with GET and HEAD"
          }
        }
      }'::jsonb,
      'idempotent'::howdah.tool_effect)
$$;

-- Gives a tenant those it lacks and brings descriptions up to date; a tool of the tenant's own with that name is kept, and
-- so is what the tenant has decided about its row: its effect too, which may have been made stricter.
create or replace function howdah_private.seed_builtin_tools(tenant_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.tools as t (tenant_id, name, description, kind, parameters, effect)
  select seed_builtin_tools.tenant_id, b.name, b.description, 'builtin', b.parameters, b.effect
  from howdah_private.builtin_tools() as b
  where not exists (
    select from howdah_private.tool_names as n join howdah.tools as o on o.id = n.tool_id
    where n.tenant_id = seed_builtin_tools.tenant_id and n.name = b.name
      and (o.kind <> 'builtin' or (o.description, o.parameters) = (b.description, b.parameters))
  )
  on conflict (tenant_id, name) do update
  set description = excluded.description, parameters = excluded.parameters
$$;
