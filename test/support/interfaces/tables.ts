import { withArticle } from '../../../src/text/with-article.ts';
import { camel, capital, list, type NamedCapability, type Names } from './names.ts';

/** A table whose rows each interface reads and writes in one way. */
type TableNames = {
  group: string;
  table: string;
  /** The singular and the plural in sentences. */
  one: string;
  many?: string;
  /** The object that the rows are parts of. */
  of?: string;
  /** The verb that creates a row, if it is not `create`. */
  create?: string;
  /** The name of a row and of the list in GraphQL, if they differ from the table. */
  graphql?: [one: string, many: string];
  rest?: string;
  cli?: string;
  /** Operations of a verb with other names. */
  own?: Partial<Record<'read' | 'create' | 'change' | 'delete', Names>>;
};

const TABLES: readonly TableNames[] = [
  {
    ...{ group: 'Agents and tools', table: 'agents', one: 'agent', rest: '/api/agents' },
    cli: 'agents',
    own: { delete: { sql: 'howdah.delete_agent()' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'agent_models', one: 'model' },
    of: 'an agent',
    own: partOfAgent(),
  },
  {
    ...{ group: 'Agents and tools', table: 'agent_tools', one: 'tool' },
    of: 'an agent',
    own: partOfAgent(),
  },
  {
    ...{ group: 'Agents and tools', table: 'agent_skills', one: 'skill' },
    of: 'an agent',
    own: partOfAgent(),
  },
  {
    ...{ group: 'Agents and tools', table: 'agent_servers', one: 'MCP server' },
    of: 'an agent',
    own: partOfAgent(),
  },
  {
    ...{ group: 'Agents and tools', table: 'workflows', one: 'workflow', rest: '/api/workflows' },
    cli: 'dev workflows',
    own: { delete: { sql: 'howdah.delete_workflow()' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'workflow_agents', one: 'member' },
    of: 'a workflow',
    own: partOf('/api/workflows'),
  },
  {
    ...{ group: 'Agents and tools', table: 'models', one: 'model', rest: '/api/models' },
    cli: 'models',
    own: { read: { sql: 'howdah.models_warnings()' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'tools', one: 'tool', rest: '/api/tools' },
    cli: 'tools',
    own: { read: { rest: 'GET /tools' }, create: { cli: 'tools import-openapi' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'mcp_servers', one: 'MCP server' },
    ...{ rest: '/api/mcp-servers', cli: 'dev mcp' },
  },
  {
    ...{ group: 'Agents and tools', table: 'integrations', one: 'integration' },
    ...{ rest: '/api/integrations', cli: 'admin integrations' },
  },
  {
    ...{ group: 'Agents and tools', table: 'connected_accounts', one: 'connected account' },
    rest: '/api/connected-accounts',
    own: {
      read: { cli: 'admin integrations accounts' },
      delete: {
        ...{ sql: 'howdah.disconnect_account()', graphql: 'disconnectAccount' },
        cli: 'admin integrations disconnect',
      },
    },
  },
  { group: 'Agents and tools', table: 'mcp_tools', one: 'offered MCP tool' },
  { group: 'Agents and tools', table: 'mcp_prompts', one: 'offered MCP prompt' },
  {
    ...{ group: 'Agents and tools', table: 'prompts', one: 'prompt', rest: '/api/prompts' },
    cli: 'dev prompts',
    own: { delete: { sql: 'howdah.delete_prompt()' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'skills', one: 'skill', rest: '/api/skills' },
    cli: 'dev skills',
    own: { delete: { sql: 'howdah.delete_skill()' } },
  },
  {
    ...{ group: 'Runs', table: 'resources', one: 'file', rest: '/api/resources' },
    own: { read: { rest: 'GET /api/resources/{id}/content' } },
  },
  {
    ...{ group: 'Runs', table: 'mail', one: 'message to an agent', many: 'messages to agents' },
    create: 'send',
    graphql: ['mail', 'mails'],
  },
  {
    ...{
      group: 'Runs',
      table: 'board_entries',
      one: 'entry of a board',
      many: 'entries of boards',
    },
    graphql: ['boardEntry', 'boardEntries'],
  },
  {
    ...{ group: 'Runs', table: 'approvals', one: 'remembered approval' },
    rest: '/api/approvals',
  },
  {
    ...{ group: 'Conversations', table: 'todos', one: 'todo of a session' },
    many: 'todos of a session',
    own: { read: { rest: 'GET /sessions/{sid}/state' } },
  },
  {
    ...{ group: 'Starting runs', table: 'schedules', one: 'schedule', rest: '/api/schedules' },
    cli: 'admin schedules',
    own: { change: { cli: ['admin schedules pause', 'admin schedules resume'] } },
  },
  {
    ...{ group: 'Starting runs', table: 'inbound_hooks', one: 'inbound hook' },
    ...{ rest: '/api/inbound-hooks', cli: 'admin inbound-hooks' },
    own: { read: { sql: 'howdah.inbound_hooks_path()' } },
  },
  {
    ...{ group: 'Starting runs', table: 'inbound_deliveries', one: 'delivery to a hook' },
    ...{ many: 'deliveries to hooks', rest: '/api/inbound-deliveries' },
    graphql: ['inboundDelivery', 'inboundDeliveries'],
    own: { read: { cli: 'admin inbound-hooks deliveries' } },
  },
  { group: 'Starting runs', table: 'table_triggers', one: 'watched table' },
  {
    ...{ group: 'Starting runs', table: 'watched_rows', one: 'row of a watched table' },
    many: 'rows of a watched table',
    own: {
      read: {
        sql: ['howdah.watched_rows_current_row()', 'howdah.watches()'],
        rest: 'GET /api/watched-rows',
      },
    },
  },
  {
    ...{ group: 'Notifications', table: 'webhooks', one: 'webhook', rest: '/api/webhooks' },
    cli: 'admin webhooks',
  },
  {
    ...{ group: 'Notifications', table: 'webhook_deliveries', one: 'delivery' },
    ...{ many: 'deliveries', rest: '/api/webhook-deliveries' },
    graphql: ['webhookDelivery', 'webhookDeliveries'],
    own: {
      read: { rest: 'GET /api/webhooks/{id}/deliveries', cli: 'admin webhooks deliveries' },
    },
  },
  {
    ...{ group: 'Notifications', table: 'alert_rules', one: 'alert rule' },
    ...{ rest: '/api/alert-rules' },
    own: { read: { cli: 'admin alerts' } },
  },
  {
    ...{ group: 'People and keys', table: 'users', one: 'user', rest: '/api/users' },
    cli: 'admin users',
    own: { change: { cli: ['admin users suspend', 'admin users admit'] } },
  },
  {
    ...{ group: 'People and keys', table: 'grants', one: 'grant', rest: '/api/grants' },
    cli: 'admin grants',
  },
  {
    ...{ group: 'People and keys', table: 'api_keys', one: 'API key', rest: '/api/api-keys' },
    cli: 'admin key',
    own: { create: { sql: 'howdah.create_api_key()' } },
  },
  {
    ...{ group: 'People and keys', table: 'secrets', one: 'secret', rest: '/api/secrets' },
    cli: 'admin secret',
    own: {
      create: { graphql: 'setSecret', cli: 'admin secret set' },
      change: { graphql: 'setSecret', cli: 'admin secret rotate' },
      delete: {
        ...{ sql: 'howdah.remove_secret()', graphql: 'removeSecret' },
        cli: 'admin secret remove',
      },
    },
  },
  {
    ...{ group: 'Rules', table: 'limits', one: 'limit', rest: '/api/limits' },
    cli: 'admin limits',
  },
  {
    ...{ group: 'Rules', table: 'settings', one: 'setting', rest: '/api/settings' },
    cli: 'admin settings',
    own: {
      read: {
        ...{ sql: 'select howdah.setting_values', graphql: 'settingValues' },
        rest: 'GET /api/settings/{key}',
      },
      create: { rest: 'PUT /api/settings/{key}', cli: 'admin settings set' },
      change: { rest: 'PUT /api/settings/{key}', cli: 'admin settings set' },
      delete: { rest: 'DELETE /api/settings/{key}', cli: 'admin settings remove' },
    },
  },
  {
    ...{ group: 'Rules', table: 'output_filters', one: 'output filter' },
    rest: '/api/output-filters',
    own: {
      read: { cli: 'admin filters list' },
      create: { cli: 'admin filters add' },
      delete: { cli: 'admin filters remove' },
    },
  },
  {
    ...{ group: 'Rules', table: 'tool_policies', one: 'tool policy', many: 'tool policies' },
    ...{ graphql: ['toolPolicy', 'toolPolicies'], rest: '/api/tool-policies' },
    own: { read: { cli: 'admin policies' } },
  },
  {
    ...{ group: 'Rules', table: 'retention_policies', one: 'retention policy' },
    ...{ many: 'retention policies', rest: '/api/retention-policies' },
    graphql: ['retentionPolicy', 'retentionPolicies'],
  },
  { group: 'Rules', table: 'hooks', one: 'hook', rest: '/api/hooks', cli: 'admin hooks' },
];

/**
 * Returns the operations for parts of an agent, which REST and files write as a field of the agent.
 */
function partOfAgent(): NonNullable<TableNames['own']> {
  return partOf('/api/agents');
}

function partOf(path: string): NonNullable<TableNames['own']> {
  const change = { rest: `PATCH ${path}/{id}`, cli: 'apply' };
  return { read: { rest: `GET ${path}/{id}` }, create: change, change, delete: change };
}

const VERBS = { read: 'select', create: 'insert', change: 'update', delete: 'delete' } as const;

type Verb = keyof typeof VERBS;

function namesOf(names: TableNames, verb: Verb): Required<Names> {
  const { table, rest, cli, graphql, own } = names;
  const [row, rows] = graphql ?? [camel(table.replace(/s$/, '')), camel(table)];
  const fields = { read: [rows, row], create: [], change: [], delete: [] };
  const field = {
    create: `create${capital(row)}`,
    change: `update${capital(row)}`,
    delete: `delete${capital(row)}`,
  };
  const paths = {
    read: [`GET ${rest}`, `GET ${rest}/{id}`],
    create: [`POST ${rest}`],
    change: [`PATCH ${rest}/{id}`, `PUT ${rest}/{id}`],
    delete: [`DELETE ${rest}/{id}`],
  };
  const words = { read: ['list', 'show'], create: ['create'], change: [], delete: ['delete'] };
  const more = own?.[verb] ?? {};
  return {
    sql: [`${VERBS[verb]} howdah.${table}`, ...list(more.sql)],
    graphql: [...fields[verb], ...(verb === 'read' ? [] : [field[verb]]), ...list(more.graphql)],
    rest: [...(rest === undefined ? [] : paths[verb]), ...list(more.rest)],
    cli: [
      ...(cli === undefined ? [] : words[verb].map((word) => `${cli} ${word}`)),
      ...list(more.cli),
    ],
    ts: list(more.ts),
  };
}

/** Tasks on the rows of tables. */
export const TABLE_CAPABILITIES: readonly NamedCapability[] = TABLES.flatMap((names) =>
  (Object.keys(VERBS) as Verb[]).map((verb) => ({
    ...{ group: names.group, what: wordsOf(names, verb) },
    ...namesOf(names, verb),
  })),
);

function wordsOf(names: TableNames, verb: Verb): string {
  const { one, many = `${one}s`, of, create = 'create' } = names;
  if (verb === 'read') return `list ${many}${of ? ` of ${of}` : ''}`;
  if (of === undefined) return `${verb === 'create' ? create : verb} ${withArticle(one)}`;
  const words = { create: ['add', 'to'], change: ['change', 'of'], delete: ['remove', 'from'] };
  const [word, preposition] = words[verb];
  return `${word} ${withArticle(one)} ${preposition} ${of}`;
}
