import type { LeftOutTool, ToolSchema } from '../../contracts/agents/model.ts';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';

/** How vendors name a tool that they refuse: by its place among the tools of the request. */
const PLACES = [
  // Gemini: GenerateContentRequest.tools[0].function_declarations[3].parameters…
  /function_?declarations\[(\d+)\]/i,
  // OpenAI: tools[3].function…; Anthropic: tools.3.custom…; Bedrock: toolConfig.tools.3.…
  /\btools(?:\[|\.)(\d+)(?:\]|\.|$|:)/,
  /"tools",\s*(\d+)/, // FastAPI: "loc":["body","tools",3,"function",…]
];

/** By its name, as in: Invalid schema for function 'ping': … */
const NAME = /\b(?:function|tool)(?: named| declaration)?:? ['"`]([A-Za-z0-9_.-]{1,64})['"`]/i;

/**
 * Returns the tool that a vendor names in its refusal of a request, or undefined. A refusal of the
 * choice of a tool, or of a tool that the vendor runs, is none of a schema.
 */
export function refusedTool(
  { code, cause, message }: RunError,
  tools: readonly ToolSchema[],
): LeftOutTool | undefined {
  if (code !== 'invalid_request') return undefined;
  const said = isJsonObject(cause) && typeof cause.message === 'string' ? cause.message : message;
  if (/tool_choice|tool choice|tool_type/i.test(said)) return undefined;
  const field = isJsonObject(cause) && typeof cause.param === 'string' ? cause.param : '';
  const tool = namedTool(said, tools) ?? placedTool(`${field} ${said}`, tools);
  return tool && { tool: tool.name, reason: `the vendor refused it: ${said}` };
}

function namedTool(said: string, tools: readonly ToolSchema[]): ToolSchema | undefined {
  if (!/schema|parameter|propert|description|name/i.test(said)) return undefined;
  const name = NAME.exec(said)?.[1];
  return tools.find((tool) => tool.name === name);
}

function placedTool(said: string, tools: readonly ToolSchema[]): ToolSchema | undefined {
  const place = PLACES.map((pattern) => pattern.exec(said)?.[1]).find((at) => at !== undefined);
  return place === undefined ? undefined : tools[Number(place)];
}
