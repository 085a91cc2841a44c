-- Returns the JSON Schema (draft 2020-12) of workflows.configuration for a type of workflow.
-- Inserts are checked against this schema, the API publishes it, and editors use it for completion.
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
          "description": "Each member receives the task and all earlier answers."},
        "stop_when": {"type": "string", "minLength": 1, "maxLength": 10000,
          "description": "An expression over output, data and member that ends the chain."}
      }'::jsonb
      when 'parallel' then '{
        "max_concurrency": {"type": "integer", "minimum": 1,
          "description": "The number of members that run at once; by default all."},
        "on_failure": {"enum": ["fail", "ignore", "quorum"], "default": "fail"},
        "quorum": {"type": "integer", "minimum": 1,
          "description": "The number of members that must answer, with on_failure quorum."},
        "aggregator": {"type": "string", "minLength": 1,
          "description": "The member that combines the answers of the other members."},
        "template": {"type": "string", "minLength": 1,
          "description":
            "The answer or the input of the aggregator: {{name}}, {{input}}, {{outputs}}."}
      }'
      when 'router' then '{
        "model": {"type": "string", "minLength": 1}, "request_params": {"type": "object"},
        "method": {"enum": ["llm", "lexical", "embedding"], "default": "llm",
          "description":
            "llm: a model decides; lexical: common words; embedding: similarity of vectors."},
        "members": {"enum": ["listed", "capable"], "default": "listed",
          "description":
            "capable: also all active agents without grants that the user of the run may run."},
        "fallback": {"type": "string", "minLength": 1,
          "description": "The member to use when no decision reaches min_confidence."},
        "min_confidence": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
        "top_k": {"type": "integer", "minimum": 1, "default": 1,
          "description": "The number of members that receive the task; their answers are joined."}
      }'
      when 'orchestrator' then '{
        "model": {"type": "string", "minLength": 1}, "request_params": {"type": "object"},
        "planning": {"enum": ["full", "iterative"], "default": "full"},
        "max_plans": {"type": "integer", "minimum": 1, "default": 5,
          "description": "The maximum number of plans, including the first."},
        "max_tasks": {"type": "integer", "minimum": 1, "default": 50},
        "max_concurrency": {"type": "integer", "minimum": 1}
      }'
      when 'evaluator_optimizer' then '{
        "rubric": {"type": "string", "minLength": 1,
          "description": "The criteria of the evaluator."},
        "max_rounds": {"type": "integer", "minimum": 1, "default": 3},
        "min_score": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.8,
          "description": "The score from which an answer is accepted."},
        "model": {"type": "string", "minLength": 1,
          "description": "Evaluates without a second member; else reads a verdict from its text."},
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
        "query": {"type": "string", "minLength": 1,
          "description": "A SQL query with one task per row; by default the list in input_data."},
        "max_concurrency": {"type": "integer", "minimum": 1, "default": 8},
        "on_failure": {"enum": ["fail", "ignore", "quorum"], "default": "fail"},
        "quorum": {"type": "integer", "minimum": 1},
        "template": {"type": "string", "minLength": 1,
          "description": "The input of the member: {{item}}, {{item.column}}, {{input}}."}
      }'
      when 'graph' then '{
        "start": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array",
          "items": {"type": "string"}, "minItems": 1}]},
        "edges": {"type": "array", "maxItems": 1000, "items": {
          "type": "object", "additionalProperties": false,
          "required": ["from", "to"], "properties": {
          "from": {"type": "string", "minLength": 1}, "to": {"type": "string", "minLength": 1},
          "when": {"type": "string", "minLength": 1, "maxLength": 10000,
            "description": "An expression over output, data and member."}
        }}},
        "joins": {"type": "object", "additionalProperties": {"enum": ["any", "all"]},
          "description": "Start of a member with several incoming edges."},
        "max_visits": {"type": "integer", "minimum": 1, "default": 10,
          "description": "The maximum number of runs of a member, which bounds loops."}
      }'
    end
  ) || case workflow_schema.type when 'graph' then '{"required": ["edges"]}'::jsonb else '{}' end
$$;
comment on function howdah.workflow_schema(howdah.workflow_type) is
  'Returns the JSON Schema of workflows.configuration for this type.';
