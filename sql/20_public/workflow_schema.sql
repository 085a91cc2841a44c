-- What may stand in a workflow's configuration, by type, as JSON Schema of draft 2020-12. Inserts are checked against it, the
-- API publishes it, and editors complete by it: one description for all.
create or replace function howdah.workflow_schema(type howdah.workflow_type) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    '$schema', 'https://json-schema.org/draft/2020-12/schema',
    'title', format('configuration of a workflow of type %s', workflow_schema.type),
    'type', 'object', 'additionalProperties', false,
    'properties', case workflow_schema.type
      when 'chain' then '{
        "cumulative": {"type": "boolean", "default": false,
          "description": "Each member is told the task and all answers before it, instead of the last answer alone."},
        "stop_when": {"type": "string", "minLength": 1,
          "description": "An expression over output, data and member: when it holds after a member, its answer is the chain''s."}
      }'::jsonb
      when 'parallel' then '{
        "max_concurrency": {"type": "integer", "minimum": 1, "description": "Members at work at once; all when absent."},
        "on_failure": {"enum": ["fail", "ignore", "quorum"], "default": "fail"},
        "quorum": {"type": "integer", "minimum": 1, "description": "With on_failure quorum: so many have to answer."},
        "aggregator": {"type": "string", "minLength": 1, "description": "The member that makes one answer of the others''."},
        "template": {"type": "string", "minLength": 1,
          "description": "The answer, or what the aggregator is told: {{name}} stands for a member''s answer, {{input}} for the task, {{outputs}} for all."}
      }'
      when 'router' then '{
        "model": {"type": "string", "minLength": 1}, "request_params": {"type": "object"},
        "method": {"enum": ["llm", "lexical", "embedding"], "default": "llm",
          "description": "llm: a model chooses; lexical: common words; embedding: how near the task is to what is said of members, by a model with purpose embedding."},
        "members": {"enum": ["listed", "capable"], "default": "listed",
          "description": "capable: beside the members listed, all active agents without grants that the user of the run may run."},
        "fallback": {"type": "string", "minLength": 1, "description": "The member taken when no decision is sure enough."},
        "min_confidence": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
        "top_k": {"type": "integer", "minimum": 1, "default": 1, "description": "So many members are given the task; their answers are joined."}
      }'
      when 'orchestrator' then '{
        "model": {"type": "string", "minLength": 1}, "request_params": {"type": "object"},
        "planning": {"enum": ["full", "iterative"], "default": "full"},
        "max_plans": {"type": "integer", "minimum": 1, "default": 5, "description": "Plans that may be made, the first included."},
        "max_tasks": {"type": "integer", "minimum": 1, "default": 50},
        "max_concurrency": {"type": "integer", "minimum": 1}
      }'
      when 'evaluator_optimizer' then '{
        "rubric": {"type": "string", "minLength": 1, "description": "What the evaluator judges by."},
        "max_rounds": {"type": "integer", "minimum": 1, "default": 3},
        "min_score": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.8, "description": "An answer with this score is good enough."},
        "model": {"type": "string", "minLength": 1,
          "description": "Judges when there is no second member, and makes a verdict of what it says in words."},
        "request_params": {"type": "object"}
      }'
      when 'voting' then '{
        "method": {"enum": ["majority", "weighted", "ranked"], "default": "majority"},
        "ties": {"enum": ["first", "fail"], "default": "first"},
        "on_failure": {"enum": ["fail", "ignore", "quorum"], "default": "ignore"},
        "quorum": {"type": "integer", "minimum": 1},
        "max_concurrency": {"type": "integer", "minimum": 1}
      }'
      when 'map' then '{
        "query": {"type": "string", "minLength": 1, "description": "A SQL query; each row of it, as JSON, is one task. Without it the list in input_data is."},
        "max_concurrency": {"type": "integer", "minimum": 1, "default": 8},
        "on_failure": {"enum": ["fail", "ignore", "quorum"], "default": "fail"},
        "quorum": {"type": "integer", "minimum": 1},
        "template": {"type": "string", "minLength": 1, "description": "What the member is told: {{item}}, {{item.column}}, {{input}}."}
      }'
      when 'graph' then '{
        "start": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
        "edges": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["from", "to"], "properties": {
          "from": {"type": "string", "minLength": 1}, "to": {"type": "string", "minLength": 1},
          "when": {"type": "string", "minLength": 1, "description": "An expression over output, data and member."}
        }}},
        "joins": {"type": "object", "additionalProperties": {"enum": ["any", "all"]}, "description": "Of a member with several edges to it: begins after any of them, or after all."},
        "max_visits": {"type": "integer", "minimum": 1, "default": 10, "description": "How often a member may run: the bound of loops."}
      }'
    end
  ) || case workflow_schema.type when 'graph' then '{"required": ["edges"]}'::jsonb else '{}' end
$$;
comment on function howdah.workflow_schema(howdah.workflow_type) is
  'The JSON Schema of workflows.configuration for this type.';
