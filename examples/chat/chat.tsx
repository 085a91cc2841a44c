import type { UIMessage } from 'ai';
import { chatErrorText } from 'howdah/chat';
import { useState } from 'react';
import { useHowdahChat } from './use-howdah-chat.ts';

export function Chat({ id, agent }: { id: string; agent: string }) {
  const { messages, sendMessage, addToolApprovalResponse, regenerate, status, error } =
    useHowdahChat(id, agent);
  const [text, setText] = useState('');
  const isBusy = status === 'submitted' || status === 'streaming';
  const cancel = () => fetch(`/api/chat/${encodeURIComponent(id)}/stream`, { method: 'DELETE' });
  return (
    <main>
      {messages.map(({ id, role, parts }) => (
        <article key={id} className={role}>
          {parts.map((part, index) => (
            <Part key={index} part={part} answer={addToolApprovalResponse} />
          ))}
        </article>
      ))}
      {error && <p role="alert">{chatErrorText(error)}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void sendMessage({ text });
          setText('');
        }}
      >
        <input
          aria-label="Message"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" disabled={isBusy || text.trim() === ''}>
          Send
        </button>
        <button type="button" disabled={!isBusy} onClick={cancel}>
          Cancel
        </button>
        <button type="button" disabled={isBusy} onClick={() => void regenerate()}>
          Regenerate
        </button>
      </form>
    </main>
  );
}

type PartProps = {
  part: UIMessage['parts'][number];
  answer: (answer: { id: string; approved: boolean; reason?: string }) => void;
};

function Part({ part, answer }: PartProps) {
  if (part.type === 'text') return <p>{part.text}</p>;
  if (part.type === 'reasoning') {
    return (
      <details>
        <summary>Reasoning</summary>
        {part.text}
      </details>
    );
  }
  if (part.type !== 'dynamic-tool') return null;
  return (
    <section aria-label={part.toolName}>
      <b>{part.toolName}</b> <code>{JSON.stringify(part.input)}</code> <i>{part.state}</i>
      {part.state === 'output-available' && <pre>{JSON.stringify(part.output)}</pre>}
      {part.state === 'approval-requested' && (
        <div className="approval">
          <button type="button" onClick={() => answer({ id: part.approval.id, approved: true })}>
            Approve
          </button>
          <button type="button" onClick={() => answer({ id: part.approval.id, approved: false })}>
            Deny
          </button>
        </div>
      )}
    </section>
  );
}
