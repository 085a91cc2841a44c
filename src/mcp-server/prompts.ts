import type { GetPromptResult, ListPromptsResult } from '@modelcontextprotocol/server';
import type { Json, JsonObject } from '../contracts/json.ts';
import { findPrompt, listPrompts, type PromptRow, renderPrompt } from '../db/mcp-door.ts';
import type { Caller } from './caller.ts';

const PROMPTS_PER_PAGE = 200;

/** The tenant's prompts, their variables as arguments; the cursor is the last name of the page before. */
export async function promptList(caller: Caller, cursor?: string): Promise<ListPromptsResult> {
  const rows = await caller.transact((client) => listPrompts(client, cursor, PROMPTS_PER_PAGE + 1));
  const page = rows.slice(0, PROMPTS_PER_PAGE);
  const prompts = page.map(({ name, description, variables }) => ({
    name,
    ...(description !== '' && { description }),
    arguments: Object.entries(variables).map(([variable, schema]) => ({
      name: variable,
      ...(typeof schema.description === 'string' && { description: schema.description }),
      required: schema.default === undefined,
    })),
  }));
  const isMore = rows.length > PROMPTS_PER_PAGE;
  return { prompts, ...(isMore && { nextCursor: page.at(-1)?.name }) };
}

/** The text of a prompt, as a message of the user. Throws what SQL refuses. */
export async function filledPrompt(
  caller: Caller,
  name: string,
  values: Readonly<Record<string, string>> = {},
): Promise<GetPromptResult> {
  const { row, text } = await caller.transact(async (client) => {
    const found = await findPrompt(client, name);
    return { row: found, text: await renderPrompt(client, name, typed(found, values)) };
  });
  return {
    ...(row.description !== '' && { description: row.description }),
    messages: [{ role: 'user', content: { type: 'text', text } }],
  };
}

/** Arguments of a prompt are texts on the wire; a number or a boolean is read off its text. */
function typed({ variables }: PromptRow, values: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      variables[name] && variables[name].type !== 'string' ? jsonOr(value) : value,
    ]),
  );
}

function jsonOr(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
