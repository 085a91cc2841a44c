import type { CommandEntry } from './command-entry.ts';
import { proofCommands } from './proof-commands.ts';
import { runCommands } from './run-commands.ts';

/**
 * All commands, in the order of help. To add a command, add a file in `commands/` and a line here.
 */
export const commands: readonly CommandEntry[] = [
  {
    name: 'start',
    alias: 'dev',
    summary: 'run the API and a worker in one process',
    load: () => import('./commands/start.ts'),
  },
  {
    name: 'worker',
    summary: 'run a worker, which executes runs until it is stopped',
    load: () => import('./commands/worker.ts'),
  },
  {
    name: 'api',
    summary: 'run the API without a worker',
    load: () => import('./commands/api.ts'),
  },
  {
    name: 'migrate',
    summary: 'migrate the schema of the database up or down',
    args: '[up|down|status]',
    load: () => import('./commands/migrate.ts'),
  },
  {
    name: 'demo',
    summary: 'run a demo: an agent answers the tickets of a small shop',
    load: () => import('./commands/demo.ts'),
  },
  {
    name: 'doctor',
    summary: 'check everything that a run needs',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'db',
    summary: 'start or stop the embedded PostgreSQL, or print its URL',
    args: 'url|start|stop',
    load: () => import('./commands/db.ts'),
  },
  {
    name: 'backup',
    summary: 'back up the database to one file while it is in use',
    args: '[FILE]',
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'restore',
    summary: 'restore a backup into an empty database',
    args: 'FILE',
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'apply',
    summary: 'apply agent system files to the tenant',
    args: 'FILE...',
    load: () => import('./commands/apply.ts'),
  },
  {
    name: 'validate',
    summary: 'check whether files could be applied, and report all their faults',
    args: 'FILE...',
    load: () => import('./commands/validate.ts'),
  },
  {
    name: 'diff',
    summary: 'show what apply would change, or how two runs differ',
    args: 'FILE... | RUN RUN',
    load: () => import('./commands/diff.ts'),
  },
  {
    name: 'export',
    summary: 'write an agent system to a file',
    args: '[NAME]',
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'import',
    summary: 'create an agent system from a fast-agent project',
    args: 'fast-agent PATH',
    load: () => import('./commands/import.ts'),
  },
  ...runCommands,
  {
    name: 'agents',
    summary: 'list the agents, or show one',
    args: '[list|show]',
    load: () => import('./commands/agents.ts'),
  },
  {
    name: 'workflows',
    summary: 'list the workflows, or show one',
    args: '[list|show]',
    load: () => import('./commands/workflows.ts'),
  },
  {
    name: 'models',
    summary: 'manage the models and their prices',
    args: '[list|show|create|delete|catalog]',
    load: () => import('./commands/models.ts'),
  },
  {
    name: 'prompts',
    summary: 'manage the prompt templates of agents',
    args: '[list|show|create|delete]',
    load: () => import('./commands/prompts.ts'),
  },
  {
    name: 'tools',
    summary: 'list the tools, or those of an agent as its models see them',
    args: '[AGENT] | show NAME | import-openapi FILE|URL',
    load: () => import('./commands/tools.ts'),
  },
  {
    name: 'mcp',
    summary: 'serve agents as tools to an MCP client; manage MCP servers',
    args: '[serve|list|show|accept]',
    load: () => import('./commands/mcp.ts'),
  },
  {
    name: 'schedules',
    summary: 'manage schedules, which start runs at set times',
    args: '[list|show|create|run|…]',
    load: () => import('./commands/schedules.ts'),
  },
  {
    name: 'webhooks',
    summary: 'manage webhooks and their deliveries',
    args: '[list|show|create|…]',
    load: () => import('./commands/webhooks.ts'),
  },
  {
    name: 'alerts',
    summary: 'list alert rules and their findings',
    load: () => import('./commands/alerts.ts'),
  },
  {
    name: 'policies',
    summary: 'list policies for tool calls of runs that read untrusted data',
    load: () => import('./commands/policies.ts'),
  },
  {
    name: 'filters',
    summary: 'manage filters for the output of runs',
    args: 'list|add|remove|test',
    load: () => import('./commands/filters.ts'),
  },
  {
    name: 'settings',
    summary: 'manage the limits and intervals of the engine',
    args: '[list|show|set|remove]',
    load: () => import('./commands/settings.ts'),
  },
  {
    name: 'sql',
    summary: 'run one SQL statement as the tenant, read-only by default',
    args: '[QUERY]',
    load: () => import('./commands/sql.ts'),
  },
  {
    name: 'psql',
    summary: 'open psql on this database as the tenant',
    args: '[-- ARGUMENTS]',
    load: () => import('./commands/psql.ts'),
  },
  {
    name: 'versions',
    summary: 'list, compare, label or restore versions of an object',
    args: 'NAME',
    load: () => import('./commands/versions.ts'),
  },
  {
    name: 'secret',
    alias: 'secrets',
    summary: 'manage encrypted secrets, such as API keys of model providers',
    args: 'set|rotate|list|remove',
    load: () => import('./commands/secret.ts'),
  },
  {
    name: 'token',
    summary: 'create an API token for a user of a tenant',
    args: '--user NAME',
    load: () => import('./commands/token.ts'),
  },
  {
    name: 'users',
    summary: 'manage the users of a tenant',
    args: '[list|show|create|…]',
    load: () => import('./commands/users.ts'),
  },
  {
    name: 'login',
    summary: 'store the address of a server and a key, which is read from stdin',
    args: '[URL]',
    load: () => import('./commands/login.ts'),
  },
  {
    name: 'logout',
    summary: 'remove a login profile with its key',
    load: () => import('./commands/logout.ts'),
  },
  {
    name: 'profiles',
    summary: 'list the login profiles, or select one',
    args: '[list|use]',
    load: () => import('./commands/profiles.ts'),
  },
  {
    name: 'export-user',
    summary: 'export all data of a user, one JSON document per line',
    args: 'NAME',
    load: () => import('./commands/export-user.ts'),
  },
  {
    name: 'erase-user',
    summary: 'anonymise or delete the data of a user',
    args: 'NAME --mode anonymise|delete',
    load: () => import('./commands/erase-user.ts'),
  },
  {
    name: 'retention',
    summary: 'apply the retention policies now; archive or restore months',
    args: '[months|archive|restore]',
    load: () => import('./commands/retention.ts'),
  },
  {
    name: 'key',
    alias: 'keys',
    summary: 'manage API keys for programs',
    args: 'create|list|revoke',
    load: () => import('./commands/key.ts'),
  },
  {
    name: 'generate',
    summary: 'generate a history of finished runs as test data',
    load: () => import('./commands/generate.ts'),
  },
  ...proofCommands,
  {
    name: 'completion',
    summary: 'print a completion script for your shell',
    args: 'bash|zsh|fish|pwsh',
    load: () => import('./commands/completion.ts'),
  },
];
