-- The tools that come with Howdah, as every tenant gets them. Their code is a function of this database or of the worker;
-- what a model is told of them stands here.
create or replace function howdah_private.builtin_tools()
  returns table (name text, description text, parameters jsonb, effect howdah.tool_effect)
  language sql stable
  set search_path = ''
as $$
  values
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
      'idempotent'::howdah.tool_effect)
$$;
