/** SQL that creates scripted agents: one greets, one asks, one fails, one needs approval. */
export const SCRIPTED_AGENTS = `
  insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
  insert into howdah.agents (name, instruction, human_input) values ('greeter', 'Greet.', false), ('asker', 'Ask.', true),
    ('broken', 'Fail.', false), ('careful', 'Ask first.', false);
  insert into howdah.agent_tools (agent_id, tool_id, requires_approval)
  select howdah.agent('careful'), id, true from howdah.tools where name = 'calculator';
  insert into howdah.agent_models (agent_id, model_id, request_params)
  select howdah.agent(s.agent), m.id, jsonb_build_object('script', s.script)
  from howdah.models as m, (values
    ('greeter', '[{"content": "Hello there"}]'::jsonb),
    ('asker', '[{"tool_calls": [{"name": "ask_user", "arguments": {"question": "Which colour?", "options": ["red", "blue"]}}]}, {"content": "So be it"}]'),
    ('careful', '[{"tool_calls": [{"name": "calculator", "arguments": {"expression": "6 * 7"}}]}, {"content": "42"}]'),
    ('broken', '[{"error": {"status": 400, "message": "no such thing"}}]')
  ) as s (agent, script) where m.name = 'script';
  update howdah.agents set instruction = 'Greet well.' where name = 'greeter'`;
