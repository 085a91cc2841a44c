import type { LeftOutTool, ToolSchema } from '../../contracts/agents/model.ts';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';

/** How vendors name a tool that they refuse: by its place among the tools of the request. */
const PLACES = [
  // Gemini: GenerateContentRequest.tools[0].function_declarations[3].parameters…
  /function_?declarations\[(\d+)\]/gi,
  // OpenAI: tools[3].function…; Anthropic: tools.3.custom…; Bedrock: toolConfig.tools.3.…
  /\btools(?:\[|\.)(\d+)(?:\]|\.|$|:)/g,
  /"tools",\s*(\d+)/g, // FastAPI: "loc":["body","tools",3,"function",…]
];

/** By its name, as in: Invalid schema for function 'ping': … */
const NAME = /\b(?:function|tool)(?: named| declaration)?:? ['"`]([A-Za-z0-9_.-]{1,64})['"`]/gi;

/**
 * Returns the tools that a vendor names in its refusal of a request. A refusal of the choice of a
 * tool, or of a tool that the vendor runs, is none of a schema.
 */
export function refusedTools(
  { code, cause, message }: RunError,
  tools: readonly ToolSchema[],
): LeftOutTool[] {
  if (code !== 'invalid_request') return [];
  const said = isJsonObject(cause) && typeof cause.message === 'string' ? cause.message : message;
  if (/tool_choice|tool choice|tool_type/i.test(said)) return [];
  const field = isJsonObject(cause) && typeof cause.param === 'string' ? cause.param : '';
  const named = namedTools(said, tools);
  const refused = named.length > 0 ? named : placedTools(`${field} ${said}`, tools);
  return refused.map(({ name }) => ({ tool: name, reason: `the vendor refused it: ${said}` }));
}

function namedTools(said: string, tools: readonly ToolSchema[]): ToolSchema[] {
  if (!/schema|parameter|propert|description|name/i.test(said)) return [];
  const names = new Set([...said.matchAll(NAME)].map(([, name]) => name));
  return tools.filter(({ name }) => names.has(name));
}

function placedTools(said: string, tools: readonly ToolSchema[]): ToolSchema[] {
  const found = PLACES.map((pattern) => [...said.matchAll(pattern)].map(([, at]) => Number(at)));
  const places = new Set(found.find((all) => all.length > 0));
  return tools.filter((_, at) => places.has(at));
}
