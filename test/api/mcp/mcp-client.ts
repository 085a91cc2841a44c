import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ApiServer } from '../../../src/api/server.ts';

/** Revisions of the protocol: one with a handshake, and one with stateless requests. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

export type ClientOptions = {
  revision?: Revision;
  token?: string | undefined;
  /** Query string after `/mcp`, such as `?on_disconnect=cancel`. */
  query?: string;
  /** Called when the stream of messages from the server has been opened. */
  onStream?: () => void;
  /**
   * Answer of the person to an elicitation. Absent for a client without support for elicitation.
   */
  elicit?: (params: {
    message: string;
    requestedSchema: Form;
  }) => ElicitAnswer | Promise<ElicitAnswer>;
  /** Answer of the client's model to sampling. Absent for a client without support for sampling. */
  sample?: (params: SamplingParams) => string;
};
export type Form = { properties: Record<string, object>; required?: string[] };
export type ElicitAnswer = {
  action: 'accept' | 'decline' | 'cancel';
  content?: Record<string, string | number | boolean>;
};
export type SamplingParams = { messages: { content: { text: string } }[]; maxTokens: number };

/** Connects a client of the official SDK. */
export async function connect(api: ApiServer, options: ClientOptions = {}): Promise<Client> {
  const { revision = '2025-11-25', token, query = '', elicit, sample, onStream } = options;
  const client = new Client(
    { name: 'test', version: '1' },
    {
      capabilities: {
        ...(elicit && { elicitation: {} }),
        ...(sample && { sampling: {} }),
      },
      versionNegotiation: { mode: revision === '2026-07-28' ? { pin: revision } : 'legacy' },
    },
  );
  if (elicit) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      const answered = await elicit(params as never);
      return { ...answered };
    });
  }
  if (sample) {
    client.setRequestHandler('sampling/createMessage', async ({ params }) => ({
      role: 'assistant' as const,
      content: { type: 'text' as const, text: sample(params as never) },
      model: 'of-the-client',
    }));
  }
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const transport = new StreamableHTTPClientTransport(new URL(`${api.url}/mcp${query}`), {
    requestInit: { headers },
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method === 'GET' && response.ok) onStream?.();
      return response;
    },
  });
  await client.connect(transport);
  return client;
}

// biome-ignore lint/suspicious/noExplicitAny: tests read single fields of results
export type Result = any;

/** Returns the text of a tool's result. */
export function textOf(result: Result): string {
  return result.content.map(({ text }: { text: string }) => text).join('\n');
}

/** Posts one message, and returns the response. */
export async function post(
  api: ApiServer,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`${api.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
};
