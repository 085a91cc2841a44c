import { adminCommands } from './admin-commands.ts';
import { type CommandEntry, isNoun, type NounEntry } from './command-entry.ts';
import { devCommands } from './dev-commands.ts';
import { hiddenCommands } from './hidden-commands.ts';

/** The commands that `howdah --help` lists, in its order. */
const topCommands: readonly (CommandEntry | NounEntry)[] = [
  {
    name: 'start',
    group: 'Start',
    summary: 'run the API and a worker in one process',
    load: () => import('./commands/start/start.ts'),
  },
  {
    name: 'demo',
    group: 'Start',
    summary: 'run a demo: an agent answers the tickets of a small shop',
    load: () => import('./commands/start/demo.ts'),
  },
  {
    name: 'doctor',
    group: 'Start',
    summary: 'check everything that a run needs',
    load: () => import('./commands/start/doctor.ts'),
  },
  {
    name: 'run',
    group: 'Agents',
    summary: 'run an agent and print its answer',
    args: 'AGENT MESSAGE',
    load: () => import('./commands/agents/run.ts'),
  },
  {
    name: 'chat',
    group: 'Agents',
    summary: 'chat with an agent',
    args: 'AGENT',
    load: () => import('./commands/agents/chat.ts'),
  },
  {
    name: 'agents',
    group: 'Agents',
    summary: 'manage the agents, each with its model and current version',
    args: '[list|show|create|change|…]',
    load: () => import('./commands/agents/agents.ts'),
  },
  {
    name: 'models',
    group: 'Agents',
    summary: 'manage the models and their prices',
    args: '[list|show|create|test|…]',
    load: () => import('./commands/agents/models.ts'),
  },
  {
    name: 'tools',
    group: 'Agents',
    summary:
      'list all tools, or the tools of one agent as its models see them; import from OpenAPI',
    args: '[AGENT] | show NAME | import-openapi FILE|URL',
    load: () => import('./commands/agents/tools.ts'),
  },
  {
    name: 'kb',
    group: 'Agents',
    summary: 'manage the knowledge bases; add documents and search them',
    args: '[list|add|ls|search|rm|create|…]',
    load: () => import('./commands/agents/kb.ts'),
  },
  {
    name: 'dataset',
    group: 'Agents',
    summary: 'manage the data sets of evaluations; add files and runs to them',
    args: '[list|add|add-run|items|create|…]',
    load: () => import('./commands/quality/dataset.ts'),
  },
  {
    name: 'eval',
    group: 'Agents',
    summary: 'evaluate agents and workflows on a data set, and compare evaluations',
    args: '[run|list|results|compare|…]',
    load: () => import('./commands/quality/eval.ts'),
  },
  {
    name: 'runs',
    group: 'Runs',
    alias: 'executions',
    summary: 'list the newest runs; cancel, pause, resume, retry, fork or export one',
    args: '[list|cancel|retry|fork|…]',
    load: () => import('./commands/runs/runs.ts'),
  },
  {
    name: 'show',
    group: 'Runs',
    summary: 'show a run with all its steps',
    args: 'ID',
    load: () => import('./commands/runs/show.ts'),
  },
  {
    name: 'watch',
    group: 'Runs',
    summary: 'follow the steps of a run (default: the newest)',
    args: '[ID]',
    load: () => import('./commands/runs/watch.ts'),
  },
  {
    name: 'logs',
    group: 'Runs',
    summary: 'print the steps of runs, one per line',
    args: '[ID]',
    load: () => import('./commands/runs/logs.ts'),
  },
  {
    name: 'explain',
    group: 'Runs',
    summary: 'explain why a run is in its state, or what an error code means, and what to do',
    args: 'ID|CODE',
    load: () => import('./commands/runs/explain.ts'),
  },
  {
    name: 'questions',
    group: 'People',
    summary: 'list the open questions and approvals of runs',
    load: () => import('./commands/people/questions.ts'),
  },
  {
    name: 'answer',
    group: 'People',
    summary: 'answer a question of a run',
    args: 'ID TEXT',
    load: () => import('./commands/people/answer.ts'),
  },
  {
    name: 'approve',
    group: 'People',
    summary: 'approve the tool call that a run waits for',
    args: 'ID',
    load: () => import('./commands/people/approve.ts'),
  },
  {
    name: 'reject',
    group: 'People',
    summary: 'reject the tool call that a run waits for',
    args: 'ID',
    load: () => import('./commands/people/reject.ts'),
  },
  {
    name: 'apply',
    group: 'Definitions',
    summary: 'create or update agents, tools and workflows from YAML files',
    args: 'FILE...',
    load: () => import('./commands/definitions/apply.ts'),
  },
  {
    name: 'diff',
    group: 'Definitions',
    summary: 'show what apply would change, or how two runs differ',
    args: 'FILE... | RUN RUN',
    load: () => import('./commands/definitions/diff.ts'),
  },
  {
    name: 'worker',
    group: 'Operations',
    summary: 'run a worker, which executes runs, until it is stopped',
    load: () => import('./commands/operations/worker.ts'),
  },
  {
    name: 'migrate',
    group: 'Operations',
    summary: 'migrate the database schema up or down, or show its state',
    args: '[up|down|status]',
    load: () => import('./commands/operations/migrate.ts'),
  },
  {
    name: 'admin',
    group: 'Operations',
    summary:
      'log in to a server; manage users, keys, secrets, schedules, webhooks, settings, alerts and backups',
    commands: adminCommands,
  },
  {
    name: 'dev',
    group: 'Operations',
    summary:
      'develop agents: workflows, prompts, versions, MCP, replay, validate, export, psql, completion',
    commands: devCommands,
    first: 'start',
  },
  {
    name: 'sql',
    group: 'Data',
    summary: 'run one SQL statement as the tenant, read-only by default',
    args: '[QUERY]',
    load: () => import('./commands/data/sql.ts'),
  },
  {
    name: 'db',
    group: 'Data',
    summary: 'print the URL of the database, or start or stop the embedded PostgreSQL',
    args: 'url|start|stop',
    load: () => import('./commands/data/db.ts'),
  },
];

/** Commands that help lists under a noun, or not at all. Each can be named without the noun. */
const otherCommands = [...adminCommands, ...devCommands, ...hiddenCommands].filter(
  ({ name }) => !topCommands.some((top) => top.name === name),
);

/** All that may follow `howdah`. */
export const commands: readonly (CommandEntry | NounEntry)[] = [
  ...topCommands,
  ...otherCommands.map((entry) => ({ ...entry, isHidden: true as const })),
];

/** Every command once. */
export const allCommands: readonly CommandEntry[] = [
  ...topCommands.flatMap((entry) => (isNoun(entry) ? [] : entry)),
  ...otherCommands,
];
