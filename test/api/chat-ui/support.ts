import { Chat } from '@ai-sdk/react';
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { OpenAiFixture, SentMessage } from '../openai/support.ts';

/** Metadata of a chat message. */
export type Metadata = {
  howdah: {
    execution_id: string;
    session_id: string;
    agent: string;
    status?: string;
    usage?: { totalTokens: number };
    cost?: number;
  };
};
export type Message = UIMessage<Metadata>;
type Part = Message['parts'][number];
export type ToolPart = Extract<Part, { type: 'dynamic-tool' }>;

export type TestChat = Chat<Message> & {
  /** Chunks that the transport has parsed, over all requests. */
  chunks: UIMessageChunk[];
  errors: string[];
};

type ChatOptions = {
  agent?: string;
  id?: string;
  key?: string;
  headers?: Record<string, string>;
  messages?: Message[];
};

/** Creates the chat of the AI SDK with its real transport, without a component. */
export function createChat(
  api: ApiServer,
  { agent, id, key, headers, messages }: ChatOptions,
): TestChat {
  const chunks: UIMessageChunk[] = [];
  const errors: string[] = [];
  class Transport extends DefaultChatTransport<Message> {
    protected override processResponseStream(stream: ReadableStream<Uint8Array<ArrayBufferLike>>) {
      return super.processResponseStream(stream).pipeThrough(
        new TransformStream<UIMessageChunk, UIMessageChunk>({
          transform(chunk, controller) {
            chunks.push(chunk);
            controller.enqueue(chunk);
          },
        }),
      );
    }
  }
  const transport = new Transport({
    api: `${api.url}/api/chat`,
    headers: { ...(key && { authorization: `Bearer ${key}` }), ...headers },
    ...(agent !== undefined && { body: { agent } }),
  });
  const chat = new Chat<Message>({
    id: id ?? crypto.randomUUID().slice(0, 16),
    transport,
    ...(messages && { messages }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    onError: (error) => void errors.push(error.message),
  });
  return Object.assign(chat, { chunks, errors });
}

/** Returns the text of the last message. */
export function textOf(chat: { messages: Message[] }): string {
  const parts = chat.messages.at(-1)?.parts ?? [];
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('|');
}

export function toolsOf(message: Message | undefined): ToolPart[] {
  return (message?.parts ?? []).filter((part) => part.type === 'dynamic-tool') as ToolPart[];
}

/** Returns the types of the parts of a message, without step marks. */
export function kindsOf(message: Message | undefined): string[] {
  return (message?.parts ?? []).map(({ type }) => type).filter((type) => type !== 'step-start');
}

export function metadataOf(message: Message | undefined): Metadata['howdah'] {
  if (!message?.metadata) throw new Error('the message has no metadata');
  return message.metadata.howdah;
}

/** Makes an agent that calls the calculator after an approval and reports the result. */
export async function makeCautiousAgent(
  fixture: OpenAiFixture,
  columns: JsonObject = {},
): Promise<string> {
  const agent = await fixture.agent((_request, messages: SentMessage[]) => {
    const last = messages.at(-1);
    if (last?.role !== 'tool') {
      return { tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }] };
    }
    return { content: `Heard: ${JSON.stringify(last.content)}` };
  }, columns);
  await fixture.db.pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id, requires_approval)
     select howdah.agent($1), t.id, true from howdah.tools as t
     where t.name = 'calculator' and t.tenant_id = howdah.current_tenant()`,
    [agent],
  );
  return agent;
}
