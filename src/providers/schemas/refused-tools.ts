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
 * How vendors say that there are too many tools. OpenAI: Invalid 'tools': array too long. Expected
 * an array with maximum length 128, …; Groq: 'tools' : maximum number of items is 128; Gemini:
 * At most 512 function declarations can be specified.
 */
const TOO_MANY = [
  /\btools['"`]?\s*:?\s*(?:array (?:is )?too long|maximum number of items)/i,
  /\b(?:at most|up to|more than|maximum(?: number)?(?: of)?|limit of|exceeds?(?: the)?)\b[^.;]{0,40}\b(?:tools|functions|function declarations)\b/i,
  /\b(?:too many|number of) (?:tools|functions|function declarations)\b/i,
];

/** Fewest tools that vendors accept. A smaller number in a refusal is another one, as a place. */
const MIN_LIMIT = 8;

/**
 * Returns the tools that a vendor names in its refusal of a request, or those after the most that
 * it accepts. A refusal of the choice of a tool, or of a tool that the vendor runs, is none of a
 * schema.
 */
export function refusedTools(
  { code, cause, message }: RunError,
  tools: readonly ToolSchema[],
): LeftOutTool[] {
  if (code !== 'invalid_request') return [];
  const said = isJsonObject(cause) && typeof cause.message === 'string' ? cause.message : message;
  if (/tool_choice|tool choice|tool_type/i.test(said)) return [];
  const limit = limitOf(said, tools.length);
  if (limit !== undefined) {
    return tools.slice(limit).map(({ name }) => ({
      tool: name,
      reason: `the vendor accepts ${limit} tools, and this request has ${tools.length}: ${said}`,
    }));
  }
  const field = isJsonObject(cause) && typeof cause.param === 'string' ? cause.param : '';
  const named = namedTools(said, tools);
  const refused = named.length > 0 ? named : placedTools(`${field} ${said}`, tools);
  return refused.map(({ name }) => ({ tool: name, reason: `the vendor refused it: ${said}` }));
}

/** Returns the most tools that a vendor accepts, if it refuses their number. */
function limitOf(said: string, count: number): number | undefined {
  if (!TOO_MANY.some((pattern) => pattern.test(said))) return undefined;
  const numbers = [...said.matchAll(/\b\d{1,4}\b/g)].map(Number);
  return numbers.find((number) => number >= MIN_LIMIT && number < count);
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
