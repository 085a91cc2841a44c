import type { ModelAnswer } from '../../contracts/model.ts';
import { REDACTED, spellings } from '../../contracts/redacted.ts';

/** A shorter key is none that anybody guards, but a word an answer may well hold: `ollama`, `none`, `EMPTY`. */
const SHORTEST = 12;

/** An answer in which the server says the key it was sent, without it: what is committed is there for good. */
export function withoutKey(answer: ModelAnswer, key: string | null): ModelAnswer {
  if (key === null || key.length < SHORTEST) return answer;
  const known = spellings(key);
  const clean = (text: string) =>
    known.reduce((rest, spelling) => rest.replaceAll(spelling, REDACTED), text);
  return {
    ...answer,
    content: answer.content === null ? null : clean(answer.content),
    tool_calls: answer.tool_calls.map((call) => ({
      id: clean(call.id),
      name: clean(call.name),
      arguments: clean(call.arguments),
    })),
  };
}

/** Takes pieces of a text and gives them on without the key; `rest` is what was still held back at the end. */
export type KeyFilter = { pass(piece: string): string; rest(): string };

/** For a text that streams: what may be the beginning of the key waits for the next piece. */
export function keyFilter(key: string | null): KeyFilter {
  if (key === null || key.length < SHORTEST) return { pass: (piece) => piece, rest: () => '' };
  let held = '';
  return {
    pass(piece) {
      const text = (held + piece).replaceAll(key, REDACTED);
      const from = beginningAtEnd(text, key);
      held = text.slice(from);
      return text.slice(0, from);
    },
    rest() {
      const text = held;
      held = '';
      return text;
    },
  };
}

/** Where the end of the text begins that the key begins with; its length where none does. */
function beginningAtEnd(text: string, key: string): number {
  const first = key.charAt(0);
  const earliest = Math.max(0, text.length - key.length + 1);
  for (let at = text.indexOf(first, earliest); at >= 0; at = text.indexOf(first, at + 1)) {
    if (key.startsWith(text.slice(at))) return at;
  }
  return text.length;
}
