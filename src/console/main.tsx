import { createRoot } from 'react-dom/client';
import { App } from './shell/app.tsx';
import '@mantine/core/styles.css';
import './styles.css';
import './lists/lists.css';
import './answers/answers.css';
import './knowledge/knowledge.css';
import './quality/quality.css';
import './system/system.css';

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce;
// Dialogs add a style sheet at run time; the package that does it reads the nonce here.
if (nonce) Object.assign(globalThis, { __webpack_nonce__: nonce });

const root = document.querySelector('#console');
if (root) createRoot(root).render(<App nonce={nonce} />);
