import type { Command } from 'commander';
import type { CliIo } from './output.ts';

/** What every file in `commands/` exports: it gives `command` its arguments, options, subcommands and action. */
export type CommandModule = { register(command: Command, io: CliIo): void };

/** One line of `howdah --help`. `load` runs only when the command does, so that help stays instant. */
export type CommandEntry = Readonly<{
  name: string;
  summary: string;
  /** As the usage line shows them: `AGENT MESSAGE`. */
  args: string;
  load: () => Promise<CommandModule>;
}>;

/** All commands, in the order help shows them. To add one: a file in `commands/` and a line here. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'API and worker in one process',
    args: '',
    load: () => import('./commands/start.ts'),
  },
  {
    name: 'worker',
    summary: 'a worker: runs agents until it is stopped',
    args: '',
    load: () => import('./commands/worker.ts'),
  },
  {
    name: 'api',
    summary: 'the API alone',
    args: '',
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
    args: '',
    load: () => import('./commands/demo.ts'),
  },
  {
    name: 'doctor',
    summary: 'look at everything a run needs',
    args: '',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'db',
    summary: 'the embedded PostgreSQL: its URL, start, stop',
    args: 'url|start|stop',
    load: () => import('./commands/db.ts'),
  },
  {
    name: 'apply',
    summary: 'make the tenant have what files describe',
    args: 'FILE...',
    load: () => import('./commands/apply.ts'),
  },
  {
    name: 'diff',
    summary: 'what an apply would change',
    args: 'FILE...',
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
  {
    name: 'run',
    summary: 'run an agent and print its answer',
    args: 'AGENT MESSAGE',
    load: () => import('./commands/run.ts'),
  },
  {
    name: 'run-agent',
    summary: 'run an agent, by id',
    args: '--agent-id ID --message TEXT',
    load: () => import('./commands/run-agent.ts'),
  },
  {
    name: 'chat',
    summary: 'a conversation with an agent, line by line',
    args: 'AGENT',
    load: () => import('./commands/chat.ts'),
  },
  {
    name: 'watch',
    summary: 'the steps of a run, live',
    args: 'ID',
    load: () => import('./commands/watch.ts'),
  },
  {
    name: 'executions',
    summary: 'the newest runs',
    args: '',
    load: () => import('./commands/executions.ts'),
  },
  {
    name: 'show',
    summary: 'a run with all its steps',
    args: 'ID',
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'cancel',
    summary: 'end a run at once',
    args: 'ID',
    load: () => import('./commands/cancel.ts'),
  },
  {
    name: 'pause',
    summary: 'let what is in the air finish, then wait',
    args: 'ID',
    load: () => import('./commands/pause.ts'),
  },
  {
    name: 'resume',
    summary: 'let a paused run go on',
    args: 'ID',
    load: () => import('./commands/resume.ts'),
  },
  {
    name: 'retry',
    summary: 'let a failed or cancelled run go on',
    args: 'ID',
    load: () => import('./commands/retry.ts'),
  },
  {
    name: 'fork',
    summary: 'a new run from a step of another',
    args: 'ID --seq N',
    load: () => import('./commands/fork.ts'),
  },
  {
    name: 'export-run',
    summary: 'a run as one document',
    args: 'ID',
    load: () => import('./commands/export-run.ts'),
  },
  {
    name: 'replay',
    summary: 'a run again as it was recorded, to see what has changed',
    args: 'ID|FILE',
    load: () => import('./commands/replay.ts'),
  },
  {
    name: 'questions',
    summary: 'what runs ask people',
    args: '',
    load: () => import('./commands/questions.ts'),
  },
  {
    name: 'answer',
    summary: 'answer a question, so that its run goes on',
    args: 'ID TEXT',
    load: () => import('./commands/answer.ts'),
  },
  {
    name: 'approve',
    summary: 'allow the call a run waits to make',
    args: 'ID',
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'reject',
    summary: 'refuse the call a run waits to make',
    args: 'ID',
    load: () => import('./commands/reject.ts'),
  },
  {
    name: 'agents',
    summary: 'the agents there are',
    args: '',
    load: () => import('./commands/agents.ts'),
  },
  {
    name: 'tools',
    summary: 'the tools there are; of an agent, as its models are told them',
    args: '[AGENT]',
    load: () => import('./commands/tools.ts'),
  },
  {
    name: 'versions',
    summary: 'what an agent, workflow, prompt or skill was; compare, label, restore',
    args: 'NAME',
    load: () => import('./commands/versions.ts'),
  },
  {
    name: 'secret',
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
    name: 'key',
    summary: 'API keys for programs',
    args: 'create|list|revoke',
    load: () => import('./commands/key.ts'),
  },
  {
    name: 'generate',
    summary: 'test data: a history of finished runs',
    args: '',
    load: () => import('./commands/generate.ts'),
  },
];
