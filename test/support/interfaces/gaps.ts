import type { Capability } from './capabilities.ts';
import type { InterfaceName } from './registries.ts';

/** A reason why interfaces lack some capabilities. `what` matches the tasks. */
export type Gap = { on: InterfaceName | readonly InterfaceName[]; what: RegExp; because: string };

export const GAPS: readonly Gap[] = [
  {
    on: 'CLI',
    what: /^list (models|tools|skills|MCP servers|knowledge bases) of an agent$|^list members of a workflow$|^show what a tool can do$/,
    because:
      '`howdah agents show`, `howdah dev workflows show` and `howdah tools AGENT` print this as part of their output.',
  },
  {
    on: 'CLI',
    what: /^change an item of a data set$/,
    because:
      'Items are not changed, so that evaluations stay comparable: remove one and add another.',
  },
  {
    on: ['SQL', 'GraphQL', 'CLI'],
    what: /^create an evaluation$/,
    because: '`howdah.evaluate`, `evaluate` and `howdah eval run` start evaluations.',
  },
  {
    on: 'CLI',
    what: /^change an API key$/,
    because: 'Only its name changes, which another interface can do.',
  },
  {
    on: 'CLI',
    what: /file$|^list files$|messages? to|^list entries of boards$|todo|^(give|read) (feedback|rewards)$|^(list|change).* sessions?$|^set the default agent$|^find the current agent$/,
    because:
      'This is meant for programs and user interfaces. `howdah sql` reads the rows, and `howdah chat` covers conversations.',
  },
  {
    on: 'CLI',
    what: /^accept a changed prompt/,
    because:
      'An admin accepts it in SQL or GraphQL: `howdah sql --write "select howdah.accept_mcp_prompt(…)"`.',
  },
  {
    on: 'CLI',
    what: /^answer many questions$/,
    because:
      'At a terminal, a person reads each question. One statement answers many: `howdah sql --write "select * from howdah.answer_questions(…)"`.',
  },
  {
    on: 'CLI',
    what: /^remove a label/,
    because: 'One `delete`: `howdah sql --write "delete from howdah.version_labels …"`.',
  },
  {
    on: 'CLI',
    what: /watched table|^list offered MCP|^explain which model|^render a prompt|^get the JSON Schema|^list agent systems$|watched tables$|^list times of|^read the performance|^show the|tenants$/,
    because: 'One `select`: `howdah sql "select …"`.',
  },
  {
    on: ['REST', 'TypeScript'],
    what: /^list offered MCP|^accept a changed prompt/,
    because: 'An admin reviews all that a server offers: GraphQL shows it in one query.',
  },
  {
    on: ['REST', 'TypeScript'],
    what: /messages? to|^list entries of boards$|todo of a session$|^change a session$/,
    because:
      'Runs write these rows. REST shows the todos in the state of a session; GraphQL and SQL have the rows.',
  },
  {
    on: ['REST', 'TypeScript'],
    what: /^list watched tables( of knowledge bases)?$/,
    because: 'The owner of the database creates watches in SQL. GraphQL and SQL list them.',
  },
  {
    on: ['REST', 'TypeScript'],
    what: /^explain which model|^render a prompt|^get the JSON Schema|^show the|^read (cost, usage|rewards)|tenants$/,
    because: 'These are queries for figures and lists: in GraphQL or SQL, you choose the columns.',
  },
  {
    on: ['REST', 'TypeScript'],
    what: /^export the data of a user$/,
    because:
      'The size of an export is unlimited, but that of a REST response is not. SQL, GraphQL (in pages) and the command line return an export one document at a time.',
  },
  {
    on: 'SQL',
    what: /^get the signing key/,
    because: 'The database cannot encrypt the key. A process that has the master key generates it.',
  },
  {
    on: 'SQL',
    what: /^read the request of a step$/,
    because:
      'The API makes the request from the log with the code that workers use. SQL has the log: `howdah.messages`, `howdah.steps`.',
  },
  {
    on: ['SQL', 'GraphQL'],
    what: /^test an inbound hook/,
    because: 'PostgreSQL does not evaluate CEL expressions. The API does.',
  },
  {
    on: 'SQL',
    what: /^(create|change) a secret$/,
    because:
      'The value of a secret in a SQL statement could appear in the server log. Processes that have the master key encrypt the value before they send it.',
  },
  {
    on: 'SQL',
    what: /^follow /,
    because: 'An SQL query returns once. `call howdah.tail(id)` follows one run.',
  },
  {
    on: 'GraphQL',
    what: /^start a run and wait/,
    because:
      'A mutation returns at once. The subscription `executionUpdated` reports the end of the run.',
  },
  {
    on: 'GraphQL',
    what: /^follow the log of all runs$/,
    because: 'GraphQL follows a run (`executionSteps`) and lists of runs (`executionsFeed`).',
  },
  {
    on: 'GraphQL',
    what: /^use (the standard|a set)/,
    because:
      'The functions return tables that GraphQL has no type for. `createAlertRule` and `createToolPolicy` write single rows.',
  },
  {
    on: ['GraphQL', 'REST', 'CLI', 'TypeScript'],
    what: /^create an analyst/,
    because:
      '`howdah start` creates the agent `analyst` in a new installation. Any agent with the tool `sql_query` can be given schemas.',
  },
  {
    on: ['SQL', 'GraphQL'],
    what: /^import a project of fast-agent$/,
    because: 'The command reads files on your machine, and sends what it made of them by REST.',
  },
  {
    on: 'GraphQL',
    what: /^list searches$/,
    because:
      'GraphQL lists the searches of a user (`knowledgeSearches` of `User`) and those of a run (`searches` of `Execution`).',
  },
  {
    on: 'GraphQL',
    what: /^run one SELECT/,
    because: 'A query of GraphQL names its fields; REST takes SQL.',
  },
  {
    on: ['SQL', 'GraphQL', 'REST', 'TypeScript'],
    what: /^replay a run$/,
    because: 'The command calls models in its own process.',
  },
  {
    on: ['SQL', 'GraphQL', 'REST', 'TypeScript'],
    what: /^make a token$/,
    because:
      'Tokens are signed by your identity provider, or with `HOWDAH_JWT_SECRET`, which no request can use.',
  },
];

/** Operations that belong to no row of the table, with the reason. */
export const OUTSIDE: readonly { on: InterfaceName; name: RegExp; because: string }[] = [
  {
    on: 'SQL',
    name: /^howdah\.(current_|uuid_v7)/,
    because: 'says who is asking, or makes an id',
  },
  {
    ...{ on: 'SQL', name: /^select howdah\.(deleted_|usage_totals|usage_durations)/ },
    because: 'read by the analytics views',
  },
  {
    on: 'GraphQL',
    name: /ByNodeId$|^node$|^nodeId$|^query$|^(agent|workflow)VersionBy/,
    because: 'finds the same rows by their ids of Relay, or by another key',
  },
  {
    ...{ on: 'REST', name: /^GET \/api\/resource-types$/ },
    because: 'describes the rows of each resource, for lists and forms',
  },
  {
    ...{ on: 'TypeScript', name: /^listResourceTypes$/ },
    because: 'describes the rows of each resource, for lists and forms',
  },
  {
    on: 'CLI',
    name: /^(start|demo|doctor|worker|migrate|db \w+|dev (start|open|completion|generate|bench|chaos|psql|mcp serve))$/,
    because: 'starts, checks or develops an installation',
  },
  {
    on: 'CLI',
    name: /^admin (api|login|logout|profiles \w+|backup|restore|retention \w+|index-vectors)$/,
    because: 'operates an installation, or stores a login on this machine',
  },
  {
    on: 'TypeScript',
    name: /^\.(call|open|request)\(\)$/,
    because: 'calls any operation of REST',
  },
];

/** Returns the reason why an interface lacks a capability. */
export function reasonFor(on: InterfaceName, { what }: Capability): Gap | undefined {
  return GAPS.find((gap) => [gap.on].flat().includes(on) && gap.what.test(what));
}
