import type { Message } from '../../contracts/runs/message.ts';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { unmarkExternal } from '../../text/untrusted-text.ts';

/** A tool's result with the call it answers. */
export type Result = { name: string; arguments: string; content: Json };

/** The current question, the tools that were used for it, and their results. */
export type Turn = {
  question: string;
  results: Result[];
  used: ReadonlySet<string>;
  rounds: number;
};

/** Returns the last user message and all messages after it. */
export function turnOf(messages: Message[]): Turn {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const since = messages.slice(at + 1);
  const asking = since.filter((message) => message.tool_calls?.length);
  const calls = asking.flatMap((message) => message.tool_calls ?? []);
  const results = since.flatMap((message): Result[] => {
    const call = calls.find(({ id }) => id === message.tool_call_id);
    if (message.role !== 'tool' || call === undefined) return [];
    return [
      {
        name: call.name,
        arguments: call.arguments,
        content: parseResult(unmarkExternal(textOf(message))),
      },
    ];
  });
  const used = new Set(calls.map(({ name }) => name));
  const last = messages[at];
  return { question: last ? textOf(last) : '', results, used, rounds: asking.length };
}

function textOf({ content, parts }: Message): string {
  const more = (parts ?? []).flatMap(({ type, text }) =>
    type === 'text' && typeof text === 'string' && text !== content ? [text] : [],
  );
  return [content ?? '', ...more].filter(Boolean).join('\n');
}

/** Parses a result as JSON, or returns it as plain text. A number stays text. */
export function parseResult(text: string): Json {
  try {
    const value: Json = parseJson(text);
    return typeof value === 'number' ? text : value;
  } catch {
    return text;
  }
}
