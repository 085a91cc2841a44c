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
import type {
  CallHost,
  Elicitation,
  PendingElicitation,
} from '../../../contracts/agents/call-host.ts';
import type { JsonObject, JsonSchema } from '../../../json/json.ts';
import type { McpServer } from '../server.ts';
import { formOf, requestedSecret, visibleText } from './elicitation.ts';
import { samplingOf } from './sampling.ts';

/** The call that a connection serves, with the host of its run. */
export type ServedCall = {
  host: CallHost;
  signal: AbortSignal;
  /** Abandons the call because nobody has answered yet. The call is repeated with the answer. */
  giveUp(question: PendingElicitation): void;
};

/**
 * Returns whether a server may send requests. A connection to such a server serves one call at a
 * time, so that each request belongs to a known call.
 */
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

/**
 * Registers handlers for the requests that the server may send. Other requests are rejected with a
 * message.
 */
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
  const sampling = samplingOf(params, server.name, model);
  const outcome = 'fault' in sampling ? undefined : await call.host.sample(sampling, call.signal);
  if (!outcome?.ok) {
    const message = outcome ? outcome.error.message : (sampling as { fault: string }).fault;
    await call.host.recordRejection('sampling', { server: server.name, message });
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
  const elicitation = elicitationOf(params, server.name);
  if ('fault' in elicitation) {
    await call.host.recordRejection('elicitation', {
      server: server.name,
      message: elicitation.fault,
    });
    throw new ProtocolError(INVALID_PARAMS, elicitation.fault);
  }
  const secret = requestedSecret(elicitation);
  if (secret !== undefined) {
    const message = `it asked people for what looks like a secret (${visibleText(secret, 100)}): declined, and nobody was asked`;
    await call.host.recordRejection('elicitation', { server: server.name, message });
    return { action: 'decline' };
  }
  const answer = call.host.elicit(elicitation);
  if (!('action' in answer)) {
    call.giveUp(answer);
    return { action: 'cancel' };
  }
  return answer.action === 'accept'
    ? {
        action: 'accept',
        ...(elicitation.url ? {} : { content: answer.content as ElicitResult['content'] }),
      }
    : { action: answer.action };
}

/** Converts an elicitation request of either mode to a question. */
export function elicitationOf(
  params: {
    mode?: string | undefined;
    message: string;
    url?: string;
    requestedSchema?: unknown;
  },
  server: string,
): Elicitation | { fault: string } {
  const message = visibleText(params.message);
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
