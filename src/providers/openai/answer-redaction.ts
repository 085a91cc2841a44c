import type { ModelAnswer } from '../../contracts/model.ts';
import type { Redaction } from '../../contracts/redaction.ts';

/** An answer without the secrets that its server repeats: what is committed is there for good. */
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
      id: redaction.text(call.id),
      name: redaction.text(call.name),
      arguments: redactJsonText(redaction.text(call.arguments), redaction),
    })),
  };
}

/** JSON may write any letter as an escape, so what will be parsed is redacted as parsed, too. */
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
