import type { FunctionTool } from '../../db/queries/queries.ts';
import { truncateToFit } from '../../text/truncate.ts';
import type { PrintedRows } from '../print/rows.ts';

const LINE = 80;

/** Adds the form of OpenAI, which clients pass to a model, to the rows of tools. */
export function withFunctions({ items, ...printed }: PrintedRows): PrintedRows {
  return {
    ...printed,
    items: items.map(({ name, description, parameters, ...row }) => ({
      ...{ name, description, parameters },
      ...row,
      type: 'function',
      function: { name, description, parameters },
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
