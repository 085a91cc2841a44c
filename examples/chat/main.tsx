import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.tsx';

const parameters = new URLSearchParams(location.search);
const id = parameters.get('id') ?? crypto.randomUUID();
const agent = parameters.get('agent') ?? 'development';
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Chat id={id} agent={agent} />
    </StrictMode>,
  );
}
