import type { CommandEntry } from './command-entry.ts';
import { devResourceCommands } from './resource-commands.generated.ts';

/**
 * The commands of `howdah dev`, for the development of agents and of Howdah. Without a command,
 * `howdah dev` is `howdah start`.
 */
export const devCommands: readonly CommandEntry[] = [
  {
    name: 'start',
    group: 'Start',
    summary: 'run the API and a worker in one process (default)',
    load: () => import('./commands/start/start.ts'),
  },
  {
    name: 'open',
    group: 'Start',
    summary: 'open the console of a running server in a browser, or its page of a run',
    args: '[ID]',
    load: () => import('./commands/start/open.ts'),
  },
  {
    name: 'completion',
    group: 'Start',
    summary: 'print a completion script for your shell',
    args: 'bash|zsh|fish|pwsh',
    load: () => import('./commands/operations/completion.ts'),
  },
  {
    name: 'todo',
    group: 'Agents',
    summary: 'print the todo list of a session, write it to a file, or edit it',
    args: 'SESSION',
    load: () => import('./commands/agents/todo.ts'),
  },
  {
    name: 'prompts',
    group: 'Agents',
    summary: 'manage the prompt templates of agents',
    args: '[list|show|create|change|…]',
    load: () => import('./commands/agents/prompts.ts'),
  },
  {
    name: 'skills',
    group: 'Agents',
    summary: 'manage the skills, which agents read on demand',
    args: '[list|show|create|change|…]',
    load: () => import('./commands/agents/skills.ts'),
  },
  {
    name: 'memories',
    group: 'Agents',
    summary: 'manage what agents remember: add, correct, forget and recall memories',
    args: '[list|show|add|correct|forget|recall]',
    load: () => import('./commands/agents/memories.ts'),
  },
  {
    name: 'versions',
    group: 'Agents',
    summary: 'list, compare, label or restore versions of an agent, workflow, prompt or skill',
    args: 'NAME',
    load: () => import('./commands/agents/versions.ts'),
  },
  {
    name: 'mcp',
    group: 'Agents',
    summary: 'serve agents as tools to an MCP client; manage MCP servers, and accept changed tools',
    args: '[serve|list|show|create|accept|…]',
    load: () => import('./commands/agents/mcp.ts'),
  },
  {
    name: 'replay',
    group: 'Runs',
    summary: 'replay a recorded run and report what has changed',
    args: 'ID|FILE',
    load: () => import('./commands/runs/replay.ts'),
  },
  {
    name: 'validate',
    group: 'Definitions',
    summary: 'check whether files could be applied, and report all errors in them',
    args: 'FILE...',
    load: () => import('./commands/definitions/validate.ts'),
  },
  {
    name: 'export',
    group: 'Definitions',
    summary: 'print an agent system as a file that apply accepts',
    args: '[NAME]',
    load: () => import('./commands/definitions/export.ts'),
  },
  {
    name: 'import',
    group: 'Definitions',
    summary: 'create an agent system from a fast-agent project',
    args: 'fast-agent PATH',
    load: () => import('./commands/definitions/import.ts'),
  },
  {
    name: 'generate',
    group: 'Operations',
    summary: 'generate a history of finished runs as test data',
    load: () => import('./commands/operations/generate.ts'),
  },
  {
    name: 'bench',
    group: 'Operations',
    summary: 'measure the speed of the engine on temporary databases',
    args: '[NAME...]',
    load: () => import('./commands/operations/bench.ts'),
  },
  {
    name: 'chaos',
    group: 'Operations',
    summary: 'inject faults into a temporary server, and check that the guarantees hold',
    load: () => import('./commands/operations/chaos.ts'),
  },
  {
    name: 'psql',
    group: 'Data',
    summary: 'open psql on this database as the tenant',
    args: '[-- ARGUMENTS]',
    load: () => import('./commands/data/psql.ts'),
  },
  ...devResourceCommands,
];
