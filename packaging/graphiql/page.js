// The script of /graphiql. The server puts the first operation into the page.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import './layout.css';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

const { nonce } = document.querySelector('script[nonce]');
globalThis.__webpack_nonce__ = nonce; // read by dialogs, which add a style sheet

const { query, variables } = JSON.parse(document.querySelector('#operation').textContent);
// Beside this page, which may be below the path of a mount or of a proxy.
const endpoint = new URL('graphql', location.href);
const socket = new URL(endpoint);
socket.protocol = socket.protocol.replace('http', 'ws');
const fetcher = createGraphiQLFetcher({ url: endpoint.href, subscriptionUrl: socket.href });
// A URL with a run opens a tab for it. Any other URL restores the tabs of the last visit.
const first = variables === undefined ? { defaultQuery: query } : { query, variables };

createRoot(document.querySelector('#graphiql')).render(
  createElement(GraphiQL, { fetcher, ...first }),
);
