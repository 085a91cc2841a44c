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
    summary: 'run an agent by its id',
    args: '--agent-id ID --message TEXT',
    load: () => import('./commands/run-agent.ts'),
  },
  {
    name: 'chat',
    summary: 'chat with an agent',
    args: 'AGENT',
    load: () => import('./commands/chat.ts'),
  },
  {
    name: 'watch',
    summary: 'follow the steps of a run (default: your newest run)',
    args: '[ID]',
    load: () => import('./commands/watch.ts'),
  },
  {
    name: 'logs',
    summary: 'print the steps of runs, one per line',
    args: '[ID]',
    load: () => import('./commands/logs.ts'),
  },
  {
    name: 'top',
    summary: 'show live runs and their waiting times',
    load: () => import('./commands/top.ts'),
  },
  {
    name: 'open',
    summary: 'open a server, or one of its runs, in a browser',
    args: '[ID]',
    load: () => import('./commands/open.ts'),
  },
  {
    name: 'executions',
    alias: 'runs',
    summary: 'list the newest runs, or manage one',
    args: '[list|show|…]',
    load: () => import('./commands/executions.ts'),
  },
  {
    name: 'ls',
    summary: 'list runs, or objects of another kind',
    args: '[NOUN]',
    load: () => import('./commands/ls.ts'),
  },
  {
    name: 'show',
    summary: 'show a run with all its steps',
    args: 'ID',
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'explain',
    summary: 'explain the state of a run or an error code, and what to do',
    args: 'ID|CODE',
    load: () => import('./commands/explain.ts'),
  },
  {
    name: 'cancel',
    summary: 'cancel a run immediately',
    args: 'ID',
    load: () => import('./commands/cancel.ts'),
  },
  {
    name: 'pause',
    summary: 'pause a run when its current calls are finished',
    args: 'ID',
    load: () => import('./commands/pause.ts'),
  },
  {
    name: 'resume',
    summary: 'resume a paused run',
    args: 'ID',
    load: () => import('./commands/resume.ts'),
  },
  {
    name: 'retry',
    summary: 'continue a failed or cancelled run',
    args: 'ID',
    load: () => import('./commands/retry.ts'),
  },
  {
    name: 'fork',
    summary: 'start a new run from a step of another run',
    args: 'ID --seq N',
    load: () => import('./commands/fork.ts'),
  },
  {
    name: 'export-run',
    summary: 'write a run as one JSON document',
    args: 'ID',
    load: () => import('./commands/export-run.ts'),
  },
  {
    name: 'replay',
    summary: 'replay a recorded run and report what has changed',
    args: 'ID|FILE',
    load: () => import('./commands/replay.ts'),
  },
  {
    name: 'questions',
    summary: 'list the questions that runs ask people',
    load: () => import('./commands/questions.ts'),
  },
  {
    name: 'answer',
    summary: 'answer a question of a run',
    args: 'ID TEXT',
    load: () => import('./commands/answer.ts'),
  },
  {
    name: 'approve',
    summary: 'approve the tool call that a run waits for',
    args: 'ID',
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'reject',
    summary: 'reject the tool call that a run waits for',
    args: 'ID',
    load: () => import('./commands/reject.ts'),
  },
];
