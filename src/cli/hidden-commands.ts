import type { CommandEntry } from './command-entry.ts';

/** An earlier name of a command, with the name that help lists. */
type HiddenCommand = CommandEntry & { replacement: string };

/**
 * Names of commands that are now verbs of a noun, such as `howdah runs cancel`. Help omits them.
 */
export const hiddenCommands: readonly HiddenCommand[] = [
  {
    name: 'run-agent',
    replacement: 'run',
    summary: 'run an agent by its id',
    args: '--agent-id ID --message TEXT',
    load: () => import('./commands/agents/run-agent.ts'),
  },
  {
    name: 'ls',
    replacement: 'NAME list',
    summary: 'list runs, or objects of another kind',
    args: '[NAME]',
    load: () => import('./commands/runs/ls.ts'),
  },
  {
    name: 'cancel',
    replacement: 'runs cancel',
    summary: 'cancel a run immediately',
    args: 'ID',
    load: () => import('./commands/runs/cancel.ts'),
  },
  {
    name: 'pause',
    replacement: 'runs pause',
    summary: 'pause a run when its current calls are finished',
    args: 'ID',
    load: () => import('./commands/runs/pause.ts'),
  },
  {
    name: 'resume',
    replacement: 'runs resume',
    summary: 'resume a paused run',
    args: 'ID',
    load: () => import('./commands/runs/resume.ts'),
  },
  {
    name: 'retry',
    replacement: 'runs retry',
    summary: 'continue a failed or cancelled run',
    args: 'ID',
    load: () => import('./commands/runs/retry.ts'),
  },
  {
    name: 'fork',
    replacement: 'runs fork',
    summary: 'start a new run from a step of another run',
    args: 'ID --seq N',
    load: () => import('./commands/runs/fork.ts'),
  },
  {
    name: 'export-run',
    replacement: 'runs export',
    summary: 'write a run as one JSON document',
    args: 'ID',
    load: () => import('./commands/runs/export-run.ts'),
  },
  {
    name: 'export-user',
    replacement: 'admin users export',
    summary: 'export all data of a user, one JSON document per line',
    args: 'NAME',
    load: () => import('./commands/people/export-user.ts'),
  },
  {
    name: 'erase-user',
    replacement: 'admin users erase',
    summary: 'anonymise or delete the data of a user',
    args: 'NAME --mode anonymise|delete',
    load: () => import('./commands/people/erase-user.ts'),
  },
];
