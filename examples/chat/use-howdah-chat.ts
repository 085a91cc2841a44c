import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';

/** Connects the chat of the AI SDK with an agent. `id` is the session. */
export function useHowdahChat(id: string, agent: string) {
  return useChat({
    id,
    resume: true,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    transport: new DefaultChatTransport({
      api: '/api/chat',
      body: { agent },
      // Howdah stores the conversation, so the last message is enough
      prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
        body: { ...body, id, messages: messages.slice(-1), trigger, messageId },
      }),
    }),
  });
}
