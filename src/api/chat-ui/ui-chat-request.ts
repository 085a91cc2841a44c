import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { invalidParameter } from '../openai/openai-errors.ts';

const part = z.looseObject({ type: z.string() });
const message = z.looseObject({
  id: z.string().max(200),
  role: z.enum(['system', 'user', 'assistant']),
  parts: z.array(part),
});
type UiMessage = z.output<typeof message>;

/** Schema of the body that the AI SDK's `DefaultChatTransport` sends. */
export const uiChatRequest = z
  .looseObject({
    id: z.string().min(1).max(200).describe('The id of the chat, which the interface chooses'),
    messages: z
      .array(message)
      .max(10_000)
      .describe('Only the new message, or the answers to approvals, are read'),
    trigger: z.enum(['submit-message', 'regenerate-message']).default('submit-message'),
    messageId: z
      .string()
      .max(200)
      .nullish()
      .describe('The message to continue, edit or regenerate'),
    agent: z
      .string()
      .nullish()
      .describe(
        'The name of an agent or workflow; the agent of the chat or the default agent when absent',
      ),
  })
  .meta({ id: 'ChatRequest' });
export type UiChatRequest = z.output<typeof uiChatRequest>;

/** The answer of a person to an approval. */
export type ApprovalDecision = { id: string; approved: boolean; reason?: string };

/** The new content of a request. */
export type ChatTurn =
  | { type: 'message'; messageId: string; isEdited: boolean; text: string; parts: JsonObject[] }
  | {
      type: 'decisions';
      /** The message that the interface continues. */
      messageId: string;
      decisions: ApprovalDecision[];
      /** The calls that the message shows. */
      callIds: string[];
    }
  | {
      type: 'regenerate';
      /** The message to regenerate, if the request names one. */
      messageId: string | undefined;
      userMessageId: string | undefined;
    };

/**
 * Reads the new content of a request. Ignores the earlier messages, because the session of the chat
 * stores the conversation.
 */
export function readTurn({ messages, trigger, messageId }: UiChatRequest): ChatTurn {
  const named = messageId == null ? -1 : messages.findIndex(({ id }) => id === messageId);
  const index = named === -1 ? messages.length - 1 : named;
  const target = messages[index];
  if (trigger === 'regenerate-message') {
    const userMessageId = messages.findLast(({ role }) => role === 'user')?.id;
    return { type: 'regenerate', messageId: messageId ?? undefined, userMessageId };
  }
  if (target?.role === 'user') {
    const content = contentOf(target, `messages[${index}]`);
    return { type: 'message', messageId: target.id, isEdited: named !== -1, ...content };
  }
  const decisions = target?.role === 'assistant' ? decisionsIn(target) : [];
  if (!target || decisions.length === 0) {
    throw invalidParameter(
      'messages',
      'no message needs an answer',
      'Send a message of the user last, or answer an approval with addToolApprovalResponse.',
    );
  }
  const callIds = target.parts.flatMap(({ toolCallId }) =>
    typeof toolCallId === 'string' ? [toolCallId] : [],
  );
  return { type: 'decisions', messageId: target.id, decisions, callIds };
}

function decisionsIn({ parts }: UiMessage): ApprovalDecision[] {
  return parts.flatMap(({ state, approval }) => {
    if (state !== 'approval-responded' || !isJsonObject(approval as Json)) return [];
    const { id, approved, reason } = approval as JsonObject;
    if (typeof id !== 'string' || typeof approved !== 'boolean') return [];
    return [{ id, approved, ...(typeof reason === 'string' && { reason }) }];
  });
}

/** Returns the text of a message, and its files as parts in the format of chat completions. */
function contentOf({ parts }: UiMessage, field: string): { text: string; parts: JsonObject[] } {
  const texts = parts.flatMap(({ type, text }) =>
    type === 'text' && typeof text === 'string' ? [text] : [],
  );
  const files = parts.flatMap((one, index) =>
    one.type === 'file' ? [fileOf(one, `${field}.parts[${index}]`)] : [],
  );
  const text = texts.join('\n');
  if (text.trim() === '' && files.length === 0) {
    const hint = 'Send a part of type text or file.';
    throw invalidParameter(`${field}.parts`, 'the message has neither text nor files', hint);
  }
  return { text, parts: files };
}

function fileOf({ mediaType, url, filename }: z.output<typeof part>, field: string): JsonObject {
  if (typeof url === 'string' && typeof mediaType === 'string') {
    if (mediaType.startsWith('image/')) return { type: 'image_url', image_url: { url } };
    if (url.startsWith('data:')) {
      const name = typeof filename === 'string' ? filename : 'document';
      return { type: 'file', file: { filename: name, file_data: url } };
    }
  }
  const hint = 'Send an image, or another file as a data: URL with its mediaType.';
  throw invalidParameter(field, `${field} is not a supported file`, hint);
}
