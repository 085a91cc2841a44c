-- The inbound hook of the pack: POST /hooks/slack. Run this file once as the owner of the database,
-- after the secrets are stored and the pack is applied. Another agent than `slack` may answer, too.
--
-- Each thread has one session (session_key). Each event starts one run, although Slack repeats
-- events with the same event_id. Messages of bots, including the app itself, edits and joins start
-- no run.
insert into howdah.inbound_hooks (
  name, description, verification, secret_name, agent_id, condition, session_key, mapping, reply
) values (
  'slack', 'Mentions of the app and direct messages', 'slack', 'slack_signing',
  howdah.agent('slack'),
  $$has(body.event) && has(body.event.text) && !has(body.event.bot_id) && !has(body.event.subtype)
    && (body.event.type == 'app_mention'
      || (body.event.type == 'message' && body.event.channel_type == 'im'))$$,
  $$body.team_id + ' ' + body.event.channel + ' '
    + (has(body.event.thread_ts) ? body.event.thread_ts : body.event.ts)$$,
  jsonb_build_object(
    'input', 'body.event.text',
    'metadata', $${'slack_channel': body.event.channel, 'slack_user': body.event.user}$$),
  jsonb_build_object(
    'url', 'https://slack.com/api/chat.postMessage',
    'secret_name', 'slack_bot',
    'body', $${'channel': body.event.channel,
      'thread_ts': has(body.event.thread_ts) ? body.event.thread_ts : body.event.ts}$$)
);
