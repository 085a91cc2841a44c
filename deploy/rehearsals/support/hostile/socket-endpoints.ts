import WebSocket from 'ws';
import type { Json } from '../../../../src/json/json.ts';
import {
  ANSWER_TIMEOUT_MS,
  type Answer,
  type Endpoint,
  type Fixtures,
  UNKNOWN_ID,
  wholeBody,
} from './endpoint.ts';

/** A WebSocket protocol of the server: its path, its name and its first message. */
type Protocol = {
  path: string;
  subprotocols: string[];
  init(token: string): Json;
};

const HOWDAH: Protocol = {
  path: '/ws',
  subprotocols: [],
  init: (token) => ({ type: 'connection_init', authorization: `Bearer ${token}` }),
};
const GRAPHQL: Protocol = {
  path: '/graphql',
  subprotocols: ['graphql-transport-ws'],
  init: (token) => ({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }),
};

const SUBSCRIPTION =
  'subscription ($id: UUID!, $after: Int) ' +
  '{ executionSteps(executionId: $id, after: $after) { seq } }';

/** Lists the messages that a WebSocket takes, at `/ws` and for GraphQL. */
export function socketEndpoints(url: string, { agent }: Fixtures): Endpoint[] {
  const endpoint = (protocol: Protocol, name: string, message: Json): Endpoint => ({
    name: `WebSocket ${protocol.path} ${name}`,
    templates: wholeBody(message),
    send: (text, token) => sendMessage(url, protocol, text, token),
  });
  return [
    endpoint(HOWDAH, 'execute', { type: 'execute', id: '1', agent, message: 'x' }),
    endpoint(HOWDAH, 'subscribe', {
      type: 'subscribe',
      id: '1',
      execution_id: UNKNOWN_ID,
      after: '1.0',
    }),
    endpoint(GRAPHQL, 'subscribe', {
      id: '1',
      type: 'subscribe',
      payload: { query: SUBSCRIPTION, variables: { id: UNKNOWN_ID, after: 1 } },
    }),
  ];
}

/** Sends one message once the login is accepted. The status is 200, or the code of a close. */
async function sendMessage(
  url: string,
  { path, subprotocols, init }: Protocol,
  text: string,
  token: string,
): Promise<Answer> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, subprotocols);
  const answer = Promise.withResolvers<Answer>();
  let isAccepted = false;
  socket.on('open', () => socket.send(JSON.stringify(init(token))));
  socket.on('message', () => {
    if (isAccepted) answer.resolve({ status: 200 });
    else socket.send(text);
    isAccepted = true;
  });
  socket.on('close', (code) => answer.resolve({ status: code }));
  socket.on('error', (error) => answer.reject(error));
  const timer = setTimeout(() => answer.reject(new Error('no answer')), ANSWER_TIMEOUT_MS);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }
}
