-- A conversation in which the agent is switched. A new agent becomes the default, a guest talks to
-- it, and the conversation continues with another agent, which sees the history. Runs that are live
-- or waiting stay with the agent that they started with.
--   psql "$(npx howdah db url)" -f examples/conversation.sql
insert into howdah.agents (name, instruction)
select n.name, n.instruction
from (values
  ('concierge', 'You welcome guests of a hotel, and answer in one sentence.'),
  ('night porter', 'You look after guests of a hotel at night, and answer in one sentence.')
) as n (name, instruction)
where not exists (
  select from howdah.agents as a
  where a.name = n.name and a.tenant_id = howdah.current_tenant() and a.deleted_at is null
);
select name, is_default from howdah.set_default_agent('concierge');

select agent_id = howdah.agent('concierge') as is_with_the_default
from howdah.start_session(title => 'room 12');
select turns
from howdah.send_message(
  (select id from howdah.sessions where title = 'room 12' order by id desc limit 1),
  'Good evening. When is breakfast?');
select agent_id = howdah.agent('night porter') as is_switched
from howdah.switch_agent(
  (select id from howdah.sessions where title = 'room 12' order by id desc limit 1), 'night porter');
select turns
from howdah.send_message(
  (select id from howdah.sessions where title = 'room 12' order by id desc limit 1),
  'And when does it end?');
-- Each execution of this file starts another conversation. To read them all:
--   select e.turn, a.name, e.status, e.output
--   from howdah.executions as e
--   join howdah.agents as a on a.id = e.agent_id
--   join howdah.sessions as s on s.id = e.session_id
--   where s.title = 'room 12' order by e.id;
