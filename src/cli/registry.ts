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
    summary: 'API and worker in one process',
    load: () => import('./commands/start.ts'),
  },
  {
    name: 'worker',
    summary: 'a worker: runs agents until it is stopped',
    load: () => import('./commands/worker.ts'),
  },
  {
    name: 'api',
    summary: 'the API alone',
    load: () => import('./commands/api.ts'),
  },
  {
    name: 'migrate',
    summary: "bring the database's schema up to date, or back",
    args: '[up|down|status]',
    load: () => import('./commands/migrate.ts'),
  },
  {
    name: 'demo',
    summary: 'tickets of a small shop, answered live',
    load: () => import('./commands/demo.ts'),
  },
  {
    name: 'doctor',
    summary: 'look at everything a run needs',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'db',
    summary: 'the embedded PostgreSQL: its URL, start, stop',
    args: 'url|start|stop',
    load: () => import('./commands/db.ts'),
  },
  {
    name: 'backup',
    summary: 'the database in one file, while it goes on',
    args: '[FILE]',
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'restore',
    summary: 'a backup back into an empty database',
    args: 'FILE',
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'apply',
    summary: 'make the tenant have what files describe',
    args: 'FILE...',
    load: () => import('./commands/apply.ts'),
  },
  {
    name: 'validate',
    summary: 'whether an apply would take files, with all that is wrong; writes nothing',
    args: 'FILE...',
    load: () => import('./commands/validate.ts'),
  },
  {
    name: 'diff',
    summary: 'what an apply would change; in what two runs differ',
    args: 'FILE... | RUN RUN',
    load: () => import('./commands/diff.ts'),
  },
  {
    name: 'export',
    summary: 'an agent system as a file',
    args: '[NAME]',
    load: () => import('./commands/export.ts'),
  },
  {
    name: 'import',
    summary: 'an agent system out of a fast-agent project',
    args: 'fast-agent PATH',
    load: () => import('./commands/import.ts'),
  },
  ...runCommands,
  {
    name: 'agents',
    summary: 'the agents there are, or one as it is',
    args: '[list|show]',
    load: () => import('./commands/agents.ts'),
  },
  {
    name: 'workflows',
    summary: 'how agents work together',
    args: '[list|show]',
    load: () => import('./commands/workflows.ts'),
  },
  {
    name: 'models',
    summary: 'the models agents ask, with their prices',
    args: '[list|show|create|delete]',
    load: () => import('./commands/models.ts'),
  },
  {
    name: 'prompts',
    summary: 'the templates agents are instructed by',
    args: '[list|show|create|delete]',
    load: () => import('./commands/prompts.ts'),
  },
  {
    name: 'tools',
    summary: 'the tools there are; of an agent, as its models are told them',
    args: '[AGENT] | show NAME | import-openapi FILE|URL',
    load: () => import('./commands/tools.ts'),
  },
  {
    name: 'mcp',
    summary: 'agents as tools of an MCP client, over stdin and stdout; MCP servers agents use',
    args: '[serve|list|show|accept]',
    load: () => import('./commands/mcp.ts'),
  },
  {
    name: 'schedules',
    summary: 'what begins runs at its times',
    args: '[list|show|create|run|…]',
    load: () => import('./commands/schedules.ts'),
  },
  {
    name: 'webhooks',
    summary: 'who is told of runs, and what came of it',
    args: '[list|show|create|…]',
    load: () => import('./commands/webhooks.ts'),
  },
  {
    name: 'alerts',
    summary: 'queries that should find nothing, and what they found',
    load: () => import('./commands/alerts.ts'),
  },
  {
    name: 'policies',
    summary: 'what runs may call that have read what others wrote',
    load: () => import('./commands/policies.ts'),
  },
  {
    name: 'filters',
    summary: 'what must not leave a run',
    args: 'list|add|remove|test',
    load: () => import('./commands/filters.ts'),
  },
  {
    name: 'settings',
    summary: 'numbers the engine goes by: how deep, how often, how long, how large',
    args: '[list|show|set|remove]',
    load: () => import('./commands/settings.ts'),
  },
  {
    name: 'sql',
    summary: 'one statement as the tenant; it writes nothing unless told to',
    args: '[QUERY]',
    load: () => import('./commands/sql.ts'),
  },
  {
    name: 'psql',
    summary: 'psql on this database, as the tenant; -c, -f and the like are its own',
    args: '[-- ARGUMENTS]',
    load: () => import('./commands/psql.ts'),
  },
  {
    name: 'versions',
    summary: 'what an agent, workflow, prompt or skill was; compare, label, restore',
    args: 'NAME',
    load: () => import('./commands/versions.ts'),
  },
  {
    name: 'secret',
    alias: 'secrets',
    summary: 'keys of model servers and other secrets, encrypted; values come from stdin',
    args: 'set|rotate|list|remove',
    load: () => import('./commands/secret.ts'),
  },
  {
    name: 'token',
    summary: 'a token for the API, for one user of a tenant',
    args: '--user NAME',
    load: () => import('./commands/token.ts'),
  },
  {
    name: 'users',
    summary: 'the people of a tenant',
    args: '[list|show|create|…]',
    load: () => import('./commands/users.ts'),
  },
  {
    name: 'login',
    summary: 'keep the address of a server and a key for it, which comes from stdin',
    args: '[URL]',
    load: () => import('./commands/login.ts'),
  },
  {
    name: 'logout',
    summary: 'forget it with its key',
    load: () => import('./commands/logout.ts'),
  },
  {
    name: 'profiles',
    summary: 'the servers that are logged in to',
    args: '[list|use]',
    load: () => import('./commands/profiles.ts'),
  },
  {
    name: 'export-user',
    summary: 'everything about a person, one document a line',
    args: 'NAME',
    load: () => import('./commands/export-user.ts'),
  },
  {
    name: 'erase-user',
    summary: "a person's data, made nobody's or deleted",
    args: 'NAME --mode anonymise|delete',
    load: () => import('./commands/erase-user.ts'),
  },
  {
    name: 'retention',
    summary: 'erase and delete now what retention policies no longer keep; archives of months',
    args: '[months|archive|restore]',
    load: () => import('./commands/retention.ts'),
  },
  {
    name: 'key',
    alias: 'keys',
    summary: 'API keys for programs',
    args: 'create|list|revoke',
    load: () => import('./commands/key.ts'),
  },
  {
    name: 'generate',
    summary: 'test data: a history of finished runs',
    load: () => import('./commands/generate.ts'),
  },
  ...proofCommands,
  {
    name: 'completion',
    summary: 'a script that completes these commands in your shell',
    args: 'bash|zsh|fish|pwsh',
    load: () => import('./commands/completion.ts'),
  },
];
