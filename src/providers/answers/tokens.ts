import type { ModelAnswer, ModelCallContext, ModelRequest } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';

/** The highest plausible count. Larger counts would not fit the integer columns of the log. */
const MAX_TOKENS = 1_000_000_000;

/** Reads a count of tokens that a server reports, rounded up; null when it cannot be one. */
export function tokenCount(value: unknown): number | null {
  const isDigits = typeof value === 'string' && /^\d{1,10}$/.test(value);
  const count = isDigits ? Number(value) : value;
  const isCount = typeof count === 'number' && count > 0 && count <= MAX_TOKENS;
  return isCount ? Math.ceil(count) : null;
}

/** Returns the usage that a server reports, or nothing if it reports no count. */
export function reportedUsage(input: unknown, output: unknown): { usage?: Usage } {
  const [tokens_in, tokens_out] = [tokenCount(input), tokenCount(output)];
  if (tokens_in === null && tokens_out === null) return {};
  return { usage: { tokens_in: tokens_in ?? 0, tokens_out: tokens_out ?? 0 } };
}

/** Estimates the tokens of a text without a reported count: UTF-8 bytes / 4, rounded up. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** Estimates the usage of a call for which the provider reports none. */
export function estimateUsage(
  request: ModelRequest,
  answer: Pick<ModelAnswer, 'content' | 'tool_calls'>,
): Usage {
  const calls = answer.tool_calls.map((call) => call.name + call.arguments).join('');
  return {
    tokens_in: estimateTokens(
      request.messages.map((message) => textOf(message)).join('') +
        (request.tools.length > 0 ? JSON.stringify(request.tools) : ''),
    ),
    tokens_out: estimateTokens((answer.content ?? '') + calls),
  };
}

function textOf(message: ModelRequest['messages'][number]): string {
  const calls = (message.tool_calls ?? []).map((call) => call.name + call.arguments).join('');
  const parts = message.parts?.length ? JSON.stringify(message.parts, withoutData) : '';
  return (message.content ?? '') + parts + calls;
}

/**
 * Truncates Base64 data. A model does not read an image or a file by its Base64, so each counts as
 * about a thousand tokens, whatever its size.
 */
function withoutData(_name: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('data:') ? value.slice(0, 4_000) : value;
}

/** Passes a piece of text to the listener. An error of the listener does not fail the run. */
export function emitToken(context: ModelCallContext, text: string): void {
  if (text === '' || context.onToken === undefined) return;
  try {
    context.onToken(text);
  } catch {
    // Tokens are ephemeral, only the answer matters.
  }
}

/**
 * Streams a complete text word by word. The pieces join to the text. Returns false when the call is
 * cancelled meanwhile.
 */
export function streamText(context: ModelCallContext, text: string): boolean {
  for (const piece of text.match(/\s*\S+|\s+/g) ?? []) {
    if (context.signal.aborted) return false;
    emitToken(context, piece);
  }
  return !context.signal.aborted;
}
