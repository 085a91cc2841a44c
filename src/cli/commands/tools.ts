import type { Command } from 'commander';
import { listTools, type OfferedTool, toolsOfAgent } from '../../db/queries.ts';
import { withDatabase } from '../database.ts';
import { register as registerImport } from '../import-openapi.ts';
import { type Named, showVerb } from '../named.ts';
import { type CliIo, printJson, printTable } from '../output.ts';
import { withVerbs } from '../verbs.ts';

const LINE = 80;

const TOOLS: Named = { kind: 'tools', one: 'tool', noun: 'tools', empty: '' };

/** `howdah tools [list [AGENT] | show | import-openapi]`: the tools there are, or those of one agent as its models are told them. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'the tools there are, or of an agent', register: registerList },
    showVerb(TOOLS),
  ]);
  registerImport(command, io);
}

function registerList(command: Command, io: CliIo): void {
  command
    .argument('[agent]', 'only its tools, as the models of its runs are told them')
    .action(async (agent: string | undefined) => {
      await withDatabase(io, async ({ db }) => {
        if (agent === undefined) {
          showAll(io, await listTools(db));
        } else {
          showSome(io, await toolsOfAgent(db, agent));
        }
      });
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
    tools.map(({ parameters: _, description, ...row }) => ({
      ...row,
      description: lineOf(description),
    })),
  );
}

function showSome(io: CliIo, items: OfferedTool[]): void {
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
