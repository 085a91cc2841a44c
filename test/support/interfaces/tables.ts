import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allResources } from '../../../src/resources/all-resources.generated.ts';
import { withArticle } from '../../../src/text/with-article.ts';
import { readResources } from '../generate/resource-lists.ts';
import { camel, capital, list, type NamedCapability, type Names } from './names.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

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

const NAMED_TABLES: readonly TableNames[] = [
  {
    ...described('agents', 'Agents and tools'),
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
    ...described('workflows', 'Agents and tools'),
    own: { delete: { sql: 'howdah.delete_workflow()' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'workflow_agents', one: 'member' },
    of: 'a workflow',
    own: partOf('/api/workflows'),
  },
  {
    ...described('models', 'Agents and tools'),
    own: { read: { sql: 'howdah.models_warnings()' } },
  },
  {
    ...described('tools', 'Agents and tools'),
    own: { read: { rest: 'GET /tools' }, create: { cli: 'tools import-openapi' } },
  },
  {
    ...described('connected_accounts', 'Agents and tools'),
    own: {
      delete: {
        ...{ sql: 'howdah.disconnect_account()', graphql: 'disconnectAccount' },
        cli: 'admin integrations disconnect',
      },
    },
  },
  { group: 'Agents and tools', table: 'mcp_tools', one: 'offered MCP tool' },
  { group: 'Agents and tools', table: 'mcp_prompts', one: 'offered MCP prompt' },
  {
    ...described('prompts', 'Agents and tools'),
    own: { delete: { sql: 'howdah.delete_prompt()' } },
  },
  {
    ...described('skills', 'Agents and tools'),
    own: { delete: { sql: 'howdah.delete_skill()' } },
  },
  {
    ...{ group: 'Agents and tools', table: 'agent_knowledge_bases', one: 'knowledge base' },
    of: 'an agent',
    own: partOfAgent(),
  },
  {
    group: 'Agents and tools',
    table: 'chunks',
    one: 'chunk of a document',
    many: 'chunks of documents',
    own: { read: { rest: 'GET /api/documents/{id}/chunks', cli: 'kb chunks' } },
  },
  {
    ...described('documents', 'Agents and tools'),
    own: {
      read: { rest: 'GET /api/documents/{id}/content', cli: 'kb ls' },
      create: { rest: 'POST /api/knowledge-bases/{id}/documents', cli: 'kb add' },
      change: { cli: 'kb set-language' },
      delete: { cli: 'kb rm' },
    },
  },
  {
    ...described('memories', 'Agents and tools'),
    many: 'memories',
    create: 'add',
    own: {
      create: { sql: 'howdah.remember()', graphql: 'remember', cli: 'dev memories add' },
      delete: { sql: 'howdah.forget()', graphql: 'forget', cli: 'dev memories forget' },
    },
  },
  { ...described('datasets', 'Agents and tools') },
  {
    ...described('dataset_items', 'Agents and tools'),
    one: 'item of a data set',
    many: 'items of data sets',
    own: {
      read: { cli: 'dataset items' },
      create: { rest: 'POST /api/datasets/{id}/items', cli: 'dataset add' },
    },
  },
  { ...described('graders', 'Agents and tools') },
  { ...described('grading_rules', 'Agents and tools') },
  {
    ...described('evaluations', 'Agents and tools'),
  },
  {
    ...described('evaluation_results', 'Agents and tools'),
    one: 'result of an evaluation',
    many: 'results of evaluations',
    own: { read: { cli: 'eval results' } },
  },
  {
    ...described('grades', 'Agents and tools'),
    one: 'grade of a person',
    many: 'grades of people',
    create: 'give',
    own: {
      read: { cli: 'eval grades' },
      create: { sql: 'howdah.grade()', graphql: 'gradeResult', cli: 'eval grade' },
    },
  },
  {
    ...described('resources', 'Runs'),
    one: 'file',
    many: 'files',
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
    ...described('approvals', 'Runs'),
    one: 'remembered approval',
    many: 'remembered approvals',
  },
  {
    ...{ group: 'Conversations', table: 'todos', one: 'todo of a session' },
    many: 'todos of a session',
    own: { read: { rest: 'GET /sessions/{sid}/state' } },
  },
  {
    ...described('schedules', 'Starting runs'),
    own: { change: { cli: ['admin schedules pause', 'admin schedules resume'] } },
  },
  {
    ...described('inbound_hooks', 'Starting runs'),
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
    ...{ group: 'Agents and tools', table: 'knowledge_watches' },
    one: 'watched table of a knowledge base',
    many: 'watched tables of knowledge bases',
    graphql: ['knowledgeWatch', 'knowledgeWatches'],
  },
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
  described('webhooks', 'Notifications'),
  {
    ...{ group: 'Notifications', table: 'webhook_deliveries', one: 'delivery' },
    ...{ many: 'deliveries', rest: '/api/webhook-deliveries' },
    graphql: ['webhookDelivery', 'webhookDeliveries'],
    own: {
      read: { rest: 'GET /api/webhooks/{id}/deliveries', cli: 'admin webhooks deliveries' },
    },
  },
  described('alert_rules', 'Notifications'),
  {
    ...described('users', 'People and keys'),
    own: { change: { cli: ['admin users suspend', 'admin users admit'] } },
  },
  described('grants', 'People and keys'),
  {
    ...described('api_keys', 'People and keys'),
    cli: 'admin key',
    own: { create: { sql: 'howdah.create_api_key()' } },
  },
  {
    ...described('secrets', 'People and keys'),
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
    ...described('output_filters', 'Rules'),
    own: {
      create: { cli: 'admin filters add' },
      delete: { cli: 'admin filters remove' },
    },
  },
];

/** The groups of resources that have no row above, by their room in src/resources. */
const GROUPS: Readonly<Record<string, string>> = {
  definitions: 'Agents and tools',
  automation: 'Starting runs',
  administration: 'Rules',
};
const others = (await readResources(ROOT)).filter(
  ({ resource }) => !NAMED_TABLES.some(({ table }) => table === resource.table),
);
const TABLES = [
  ...NAMED_TABLES,
  ...others.map(({ file, resource }) =>
    described(resource.table, GROUPS[dirname(file)] ?? 'Rules'),
  ),
];

/** Returns the names of a resource. */
function described(table: string, group: string): TableNames {
  const found = allResources.find((resource) => resource.table === table);
  if (!found) throw new Error(`${table} is no resource`);
  const { one, many, path, command } = found;
  return { group, table, one, many, rest: path, ...(command && { cli: command.noun }) };
}

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

const toSingular = (table: string) => table.replace(/ies$/, 'y').replace(/s$/, '');

function namesOf(names: TableNames, verb: Verb): Required<Names> {
  const { table, rest, cli, graphql, own } = names;
  const [row, rows] = graphql ?? [camel(toSingular(table)), camel(table)];
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
  const words = {
    read: ['list', 'show'],
    create: ['create'],
    change: ['change'],
    delete: ['delete'],
  };
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
