import type { CommandEntry } from './command-entry.ts';

/** The commands that start, show and control runs, in the order of help. */
export const runCommands: readonly CommandEntry[] = [
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
    summary: 'the steps of a run, live; without an id of your newest',
    args: '[ID]',
    load: () => import('./commands/watch.ts'),
  },
  {
    name: 'logs',
    summary: 'what runs do, a line for each step; --follow goes on',
    args: '[ID]',
    load: () => import('./commands/logs.ts'),
  },
  {
    name: 'top',
    summary: 'what is live: how many runs, how long they wait',
    load: () => import('./commands/top.ts'),
  },
  {
    name: 'open',
    summary: 'what a server has to show, or one run there, in a browser',
    args: '[ID]',
    load: () => import('./commands/open.ts'),
  },
  {
    name: 'executions',
    alias: 'runs',
    summary: 'the newest runs; what is done with one',
    args: '[list|show|…]',
    load: () => import('./commands/executions.ts'),
  },
  {
    name: 'ls',
    summary: 'what there is: runs, or the noun that is named',
    args: '[NOUN]',
    load: () => import('./commands/ls.ts'),
  },
  {
    name: 'show',
    summary: 'a run with all its steps',
    args: 'ID',
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'explain',
    summary: 'why a run is where it is, or what an error means; what may be done',
    args: 'ID|CODE',
    load: () => import('./commands/explain.ts'),
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
];
