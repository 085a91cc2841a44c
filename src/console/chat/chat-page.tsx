import { Anchor } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { PageTitle } from '../parts/page-title.tsx';
import { Conversation } from './conversation.tsx';
import { NewConversation } from './new-conversation.tsx';
import { SessionList } from './session-list.tsx';
import { useFilterQuery } from './use-session-filter.ts';

const text = messages.chat;

/** The chat: `/chat` starts a conversation, and `/chat/ID` continues one. */
export function ChatPage({ id }: { id: string | undefined }) {
  const query = useFilterQuery();
  return (
    <div className="chat-place">
      <PageTitle title={text.title} table="howdah.sessions">
        {id !== undefined && (
          <Anchor component={Link} href={`/chat${query}`} size="sm">
            {text.start}
          </Anchor>
        )}
      </PageTitle>
      <div className="chat" data-selected={id !== undefined || undefined}>
        <SessionList selected={id} />
        {id === undefined ? <NewConversation /> : <Conversation key={id} id={id} />}
      </div>
    </div>
  );
}
