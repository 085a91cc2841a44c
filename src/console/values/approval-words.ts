import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { messages } from '../messages/messages.ts';

/** Matches the question of an approval: tool, arguments as JSON, and further sentences. */
const APPROVAL = /^Approve ([\w.-]+)\((\{.*\})\)\?(.*)$/s;

/** The parts of the question of an approval. */
type Approval = {
  tool: string;
  /** The arguments, if they are whole JSON: long ones are cut. */
  values: JsonObject | undefined;
  /** Further sentences, such as why a policy asks. */
  more: string;
};

/** Returns the parts of a question that asks for an approval, or undefined for any other text. */
export function approvalIn(prompt: string): Approval | undefined {
  const [, tool, json = '', more = ''] = APPROVAL.exec(prompt) ?? [];
  return tool === undefined ? undefined : { tool, values: objectIn(json), more: more.trim() };
}

/** Returns a question as one line: the arguments of a call as "order: A-1, amount: 80". */
export function questionLine(prompt: string): string {
  const approval = approvalIn(prompt);
  if (approval?.values === undefined) return prompt;
  const { tool, values, more } = approval;
  const words = Object.entries(values).map(([name, value]) => `${name}: ${wordsOf(value)}`);
  return [messages.inbox.approveCall(tool), words.join(', '), more].filter(Boolean).join(' ');
}

function wordsOf(value: JsonObject[string]): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function objectIn(json: string): JsonObject | undefined {
  try {
    const value = parseJson(json);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
