import type { FunctionTool, listTools } from '../../db/queries/queries.ts';
import { truncateToFit } from '../../text/truncate.ts';
import type { PrintedRows } from '../print/rows.ts';

const LINE = 80;

/** Returns all tools as the database lists them. */
export function toolListing(tools: Awaited<ReturnType<typeof listTools>>): PrintedRows {
  return {
    items: tools.map(({ name, description, parameters, ...row }) => {
      return { ...row, type: 'function', function: { name, description, parameters } };
    }),
    rows: tools.map(({ id: _, parameters: _parameters, description, ...row }) => ({
      ...row,
      description: firstLine(description),
    })),
  };
}

/** Returns the tools of an agent, as its models see them. */
export function toolRowsOf(items: readonly FunctionTool[]): PrintedRows {
  const rows = items.map(({ function: { name, description } }) => ({
    name,
    description: firstLine(description),
  }));
  return { items, rows };
}

function firstLine(text: string): string {
  return truncateToFit(text.replace(/\s+/g, ' '), LINE);
}
