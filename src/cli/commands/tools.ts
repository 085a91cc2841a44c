import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { type FunctionTool, listTools, toolsOfAgent } from '../../db/queries/queries.ts';
import { API_OPTION } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { printRest, restFor, rowsOverRest } from '../backend/rows.ts';
import { register as registerImport } from '../files/import-openapi.ts';
import { type Named, showVerb } from '../nouns/list-and-show.ts';
import { withVerbs } from '../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';

const LINE = 80;

const TOOLS: Named = {
  kind: 'tools',
  one: 'tool',
  noun: 'tools',
  empty: 'No tools.',
  path: '/api/tools',
  columns: ['id', 'name', 'kind', 'effect', 'requires_approval', 'timeout_ms', 'is_active'],
};

/**
 * Registers `howdah tools [list [AGENT] | show | import-openapi]`: all tools, or the tools of one
 * agent as its models see them.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'list the tools, or those of an agent', register: registerList },
    showVerb(TOOLS),
  ]);
  registerImport(command, io);
}

function registerList(command: Command, io: CliIo): void {
  command
    .argument('[agent]', 'name of an agent; only its tools, as its models see them')
    .option(...API_OPTION)
    .action(async (agent: string | undefined) => {
      const api = await restFor(io, TOOLS, command, undefined);
      if (api && agent !== undefined) throw agentOverApi(agent);
      if (api) return printRest(io, TOOLS, await rowsOverRest(api, TOOLS));
      await withDatabase(io, async ({ db }) => {
        if (agent === undefined) {
          showAll(io, await listTools(db));
        } else {
          showSome(io, await toolsOfAgent(db, agent));
        }
      });
    });
}

/**
 * Creates the error for the tools of an agent over an API. A worker builds the tools that models
 * see from rows and MCP servers.
 */
function agentOverApi(agent: string): HowdahError {
  return new HowdahError('EUSAGE', 'listing the tools of an agent needs a database, not an API', {
    hint: `Name a database with --database-url, or list the names of its tools: howdah agents show ${agent}`,
    detail: { agent },
  });
}

function showAll(io: CliIo, tools: Awaited<ReturnType<typeof listTools>>): void {
  if (io.json) {
    printJson(io, {
      items: tools.map(({ name, description, parameters, ...row }) => {
        return { ...row, type: 'function', function: { name, description, parameters } };
      }),
    });
    return;
  }
  printTable(
    io,
    tools.map(({ id: _, parameters: _parameters, description, ...row }) => ({
      ...row,
      description: lineOf(description),
    })),
  );
}

function showSome(io: CliIo, items: FunctionTool[]): void {
  if (io.json) {
    printJson(io, { items });
    return;
  }
  printTable(
    io,
    items.map(({ function: { name, description } }) => ({
      name,
      description: lineOf(description),
    })),
  );
}

function lineOf(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > LINE ? `${line.slice(0, LINE - 1)}…` : line;
}
