import {
  type Client,
  type ClientCapabilities,
  type CreateMessageRequest,
  type CreateMessageResult,
  type ElicitRequest,
  type ElicitResult,
  INVALID_PARAMS,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  ProtocolError,
} from '@modelcontextprotocol/client';
import type { AskedBack, Elicitation, McpHost } from '../../../contracts/agents/mcp-host.ts';
import type { JsonObject, JsonSchema } from '../../../json/json.ts';
import type { McpServer } from '../server.ts';
import { formOf, plainText, secretAskedFor } from './elicitation.ts';
import { samplingOf } from './sampling.ts';

/** The call a connection is busy with, and whose it is. */
export type ServedCall = {
  host: McpHost;
  signal: AbortSignal;
  /** Nobody has answered yet: the call is given up, and made again with the answer. */
  giveUp(asked: AskedBack): void;
};

/** Whether it may ask anything: then a connection serves one call at a time, so that it is known whose the question is. */
export function asksBack(server: McpServer): boolean {
  return server.allows_elicitation || server.sampling_model !== null;
}

export function capabilitiesFor(server: McpServer): ClientCapabilities {
  return {
    ...(server.sampling_model ? { sampling: {} } : {}),
    ...(server.allows_elicitation ? { elicitation: { form: {}, url: {} } } : {}),
    ...(rootsOf(server).length > 0 ? { roots: {} } : {}),
  };
}

function rootsOf({ configuration }: McpServer): { uri: string; name?: string }[] {
  return (configuration.roots ?? []) as { uri: string; name?: string }[];
}

/** Lets the client answer what the server may ask, and refuse all else in words. */
export function answerServer(
  client: Client,
  server: McpServer,
  served: () => ServedCall | undefined,
): void {
  const roots = rootsOf(server);
  if (roots.length > 0) {
    client.setRequestHandler('roots/list', () => ({ roots }));
  }
  const { sampling_model: model } = server;
  if (model) {
    client.setRequestHandler('sampling/createMessage', ({ params }) =>
      sample(params, { server, model, call: callOf(served()) }),
    );
  }
  if (server.allows_elicitation) {
    client.setRequestHandler('elicitation/create', ({ params }) =>
      elicit(params, server, callOf(served())),
    );
  }
  client.fallbackRequestHandler = async ({ method }) => {
    throw new ProtocolError(METHOD_NOT_FOUND, REFUSALS[method] ?? `${method} is not answered`);
  };
}

const REFUSALS: Record<string, string> = {
  'sampling/createMessage': 'sampling is not allowed: no sampling model is set for this server',
  'elicitation/create': 'elicitation is not allowed for this server',
  'roots/list': 'no roots are set for this server',
};

function callOf(call: ServedCall | undefined): ServedCall {
  if (call) return call;
  throw new ProtocolError(INVALID_REQUEST, 'no call is under way that this could be part of');
}

type Sampled = {
  server: McpServer;
  model: NonNullable<McpServer['sampling_model']>;
  call: ServedCall;
};

async function sample(
  params: CreateMessageRequest['params'],
  { server, model, call }: Sampled,
): Promise<CreateMessageResult> {
  const asked = samplingOf(params, server.name, model);
  const outcome = 'fault' in asked ? undefined : await call.host.sample(asked, call.signal);
  if (!outcome?.ok) {
    const message = outcome ? outcome.error.message : (asked as { fault: string }).fault;
    await call.host.refused('sampling', { server: server.name, message });
    throw new ProtocolError(INVALID_PARAMS, message);
  }
  const { content, finish_reason } = outcome.value;
  return {
    model: model.model,
    role: 'assistant',
    content: { type: 'text', text: content ?? '' },
    stopReason: finish_reason === 'length' ? 'maxTokens' : 'endTurn',
  };
}

async function elicit(
  params: ElicitRequest['params'],
  server: McpServer,
  call: ServedCall,
): Promise<ElicitResult> {
  const asked = elicitationOf(params, server.name);
  if ('fault' in asked) {
    await call.host.refused('elicitation', { server: server.name, message: asked.fault });
    throw new ProtocolError(INVALID_PARAMS, asked.fault);
  }
  const secret = secretAskedFor(asked);
  if (secret !== undefined) {
    const message = `it asked people for what looks like a secret (${plainText(secret, 100)}): declined, and nobody was asked`;
    await call.host.refused('elicitation', { server: server.name, message });
    return { action: 'decline' };
  }
  const answer = call.host.elicit(asked);
  if (!('action' in answer)) {
    call.giveUp(answer);
    return { action: 'cancel' };
  }
  return answer.action === 'accept'
    ? {
        action: 'accept',
        ...(asked.url ? {} : { content: answer.content as ElicitResult['content'] }),
      }
    : { action: answer.action };
}

/** A request of either mode as a question. */
export function elicitationOf(
  params: {
    mode?: string | undefined;
    message: string;
    url?: string;
    requestedSchema?: unknown;
  },
  server: string,
): Elicitation | { fault: string } {
  const message = plainText(params.message);
  if (params.mode === 'url') {
    const { url = '' } = params;
    return /^https?:\/\/[^\s]{1,2000}$/.test(url)
      ? { server, message, url, schema: NOTHING }
      : { fault: 'a page is opened by http or https' };
  }
  const form = formOf((params.requestedSchema ?? {}) as JsonObject);
  return 'fault' in form ? form : { server, message, schema: form.schema };
}

const NOTHING: JsonSchema = { type: 'object', properties: {}, required: [] };
