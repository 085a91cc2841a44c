-- Returns the permissions: the least role for an action on the rows of a table. Every table that
-- the application writes has one action besides `read`. A table whose rows start runs later also
-- has `run`: its rows need both. Triggers (30_triggers/permissions.sql) and public functions check
-- this. With by_agent, a grant on the agent of the row also allows the action.
-- The order of actions is that of the scopes of an API key: run, edit, manage.
create or replace function howdah_private.permission_rows()
  returns table (object text, action text, role howdah.user_role, by_agent boolean)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('executions', 'run', 'member'::howdah.user_role, true),
    ('sessions', 'run', 'member', true),
    ('todos', 'run', 'member', false),
    ('resources', 'run', 'member', false),
    ('mail', 'run', 'member', true),
    ('feedback_entries', 'run', 'member', true),
    ('agents', 'edit', 'member', true),
    ('agent_models', 'edit', 'member', true),
    ('agent_tools', 'edit', 'member', true),
    ('agent_skills', 'edit', 'member', true),
    ('agent_servers', 'edit', 'member', true),
    ('skills', 'edit', 'member', false),
    ('prompts', 'edit', 'member', false),
    ('schedules', 'edit', 'member', true),
    ('schedules', 'run', 'member', true),
    ('version_labels', 'edit', 'member', true),
    ('workflows', 'edit', 'member', true),
    ('workflow_agents', 'edit', 'member', true),
    ('agent_systems', 'manage', 'admin', false),
    ('agent_systems', 'read', 'admin', false),
    ('agent_system_versions', 'read', 'admin', false),
    ('models', 'manage', 'admin', false),
    ('mcp_servers', 'manage', 'admin', false),
    ('integrations', 'manage', 'admin', false),
    ('tools', 'manage', 'admin', false),
    ('approvals', 'manage', 'admin', false),
    ('tool_policies', 'manage', 'admin', false),
    ('output_filters', 'manage', 'admin', false),
    ('limits', 'manage', 'admin', false),
    ('settings', 'manage', 'admin', false),
    ('grants', 'manage', 'admin', false),
    ('secrets', 'manage', 'admin', false),
    ('users', 'manage', 'admin', false),
    ('retention_policies', 'manage', 'owner', false),
    ('api_keys', 'manage', 'admin', false),
    ('api_keys', 'read', 'admin', false),
    ('webhooks', 'manage', 'admin', false),
    ('webhooks', 'read', 'admin', false),
    ('webhook_deliveries', 'read', 'admin', false),
    ('inbound_hooks', 'manage', 'admin', false),
    ('inbound_hooks', 'run', 'admin', false),
    ('alert_rules', 'manage', 'admin', false),
    ('alert_rules', 'read', 'admin', false),
    ('audit_log', 'read', 'admin', false)
$$;
