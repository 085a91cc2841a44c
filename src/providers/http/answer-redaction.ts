import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type { AnswerPart, CitationPart } from '../../contracts/runs/message.ts';
import { isJsonObject } from '../../json/json.ts';
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
    tool_calls: answer.tool_calls.map((call) => ({
      ...call,
      id: redaction.text(call.id),
      name: redaction.text(call.name),
      arguments: redactJsonText(redaction.text(call.arguments), redaction),
    })),
    ...(answer.parts ? { parts: answer.parts.flatMap((part) => redactPart(part, redaction)) } : {}),
  };
}

/**
 * Redacts a citation. Any other part with a secret is dropped: the vendor would refuse reasoning
 * that no longer fits its signature, and a changed task does not exist.
 */
function redactPart(part: AnswerPart, redaction: Redaction): AnswerPart[] {
  const redacted = redaction.json(part);
  if (JSON.stringify(redacted) === JSON.stringify(part)) return [part];
  return part.type === 'citation' && isJsonObject(redacted) ? [redacted as CitationPart] : [];
}

/** Redacts a JSON text by its parsed values too, since JSON may write any letter as an escape. */
function redactJsonText(text: string, redaction: Redaction): string {
  if (!/^\s*[[{]/.test(text) || !text.includes('\\u')) return text;
  try {
    const value: unknown = JSON.parse(text);
    const redacted = JSON.stringify(redaction.json(value));
    return redacted === JSON.stringify(value) ? text : redacted;
  } catch {
    return text;
  }
}
