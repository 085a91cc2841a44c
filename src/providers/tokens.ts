import type {
  ModelAnswer,
  ModelCallContext,
  ModelRequest,
  Usage,
} from '../contracts/agents/model.ts';

/** Counts above it are nonsense, and would not fit the log's integer columns. */
const MAX_TOKENS = 1_000_000_000;

/** Reads a count of tokens that a server reports, rounded up; null when it cannot be one. */
export function tokenCount(value: unknown): number | null {
  const isCount = typeof value === 'number' && value > 0 && value <= MAX_TOKENS;
  return isCount ? Math.ceil(value) : null;
}

/** Tokens of a text where nobody counted them: UTF-8 bytes / 4, rounded up. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** Usage of a whole call where the provider did not say. */
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

/** Models do not read an image or a file by its Base64: it counts as about a thousand tokens, whatever its size. */
function withoutData(_name: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('data:') ? value.slice(0, 4_000) : value;
}

/** Hands a piece of text to the listener. A listener that throws is its own problem, not the run's. */
export function emitToken(context: ModelCallContext, text: string): void {
  if (text === '' || context.onToken === undefined) return;
  try {
    context.onToken(text);
  } catch {
    // Tokens are ephemeral: what counts is the answer.
  }
}

/** Streams a finished text word by word; the pieces join to the text. False when cancelled on the way. */
export function speak(context: ModelCallContext, text: string): boolean {
  for (const piece of text.match(/\s*\S+|\s+/g) ?? []) {
    if (context.signal.aborted) return false;
    emitToken(context, piece);
  }
  return !context.signal.aborted;
}
