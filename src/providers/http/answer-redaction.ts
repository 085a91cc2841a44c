import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type { AnswerPart, CitationPart, ToolCall } from '../../contracts/runs/message.ts';
import { isJsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { Redaction } from '../../redaction/redaction.ts';

/**
 * Redacts the secrets that a server repeats in its answer, since a committed answer is permanent.
 */
export function redactAnswer(answer: ModelAnswer, redaction: Redaction): ModelAnswer {
  if (redaction.isEmpty) return answer;
  const isCut = answer.finish_reason === 'length';
  return {
    ...answer,
    content:
      answer.content === null
        ? null
        : redactJsonText(redaction.text(answer.content, { isCut }), redaction),
    tool_calls: answer.tool_calls.map((call) => redactCall(call, redaction)),
    ...(answer.parts ? { parts: answer.parts.flatMap((part) => redactPart(part, redaction)) } : {}),
  };
}

/** Redacts a call. Data of the vendor with a secret is dropped, as that of a part is. */
function redactCall({ provider_metadata, ...call }: ToolCall, redaction: Redaction): ToolCall {
  return {
    ...call,
    id: redaction.text(call.id),
    name: redaction.text(call.name),
    arguments: redactJsonText(redaction.text(call.arguments), redaction),
    ...(provider_metadata && isFree(provider_metadata, redaction) && { provider_metadata }),
  };
}

/**
 * Redacts a citation. Any other part with a secret is dropped: the vendor would refuse reasoning
 * that no longer fits its signature, and a changed task does not exist.
 */
function redactPart(part: AnswerPart, redaction: Redaction): AnswerPart[] {
  if (isFree(part, redaction)) return [part];
  const redacted = redaction.json(part);
  return part.type === 'citation' && isJsonObject(redacted) ? [redacted as CitationPart] : [];
}

/** Returns whether a value contains no secret. */
function isFree(value: object, redaction: Redaction): boolean {
  return JSON.stringify(redaction.json(value)) === JSON.stringify(value);
}

/** Redacts a JSON text by its parsed values too, since JSON may write any letter as an escape. */
function redactJsonText(text: string, redaction: Redaction): string {
  if (!/^\s*[[{]/.test(text) || !text.includes('\\u')) return text;
  try {
    const value: unknown = parseJson(text);
    const redacted = JSON.stringify(redaction.json(value));
    return redacted === JSON.stringify(value) ? text : redacted;
  } catch {
    return text;
  }
}
