import {
  CLIENT_CAPABILITIES_META_KEY,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { HowdahError } from '../contracts/errors.ts';
import type { JsonObject } from '../json/json.ts';
import { releaseVersion } from '../package-root.ts';
import { listAgentTools } from './calls/agent-tools.ts';
import { type Asking, type CallContext, callTool } from './calls/call-tool.ts';
import { abilitiesOf } from './calls/client-input.ts';
import { withProtocolErrors } from './calls/refusals.ts';
import { completeArgument } from './resources/completions.ts';
import { fillPrompt, listMcpPrompts } from './resources/mcp-prompts.ts';
import { listTemplates } from './resources/resource-addresses.ts';
import { listResources, readResource } from './resources/run-resources.ts';
import type { SessionSubscriptions } from './transport/session-subscriptions.ts';

/** Options that differ between transports. */
export type ServerOptions = Omit<CallContext, 'asking' | 'metadata' | 'logLevel'> & {
  /**
   * The subscriptions of the client, if its revision sends them in separate requests, and if there
   * is a session to store them for.
   */
  session?: SessionSubscriptions | undefined;
  /** Returns how the client is asked, if the SDK does not know whether the client can be asked. */
  asking?(ctx: ServerContext): Asking;
  /** Returns the metadata of the run that a call starts. */
  metadataOf?(ctx: ServerContext): JsonObject;
};

const INSTRUCTIONS =
  'Each tool is an agent, a workflow or a tool of this server. Send your request to an agent or a workflow in `message`; the result is its answer. Each run is a resource, howdah://executions/{id}. If a result says that a run waits for a person, ask the person, then call answer_question.';

/** Returns the capabilities that the client states in the request, as in the newer revision. */
function claimedIn({ mcpReq }: ServerContext): Parameters<typeof abilitiesOf>[0] {
  const envelope = mcpReq.envelope as Readonly<Record<string, object>> | undefined;
  return envelope?.[CLIENT_CAPABILITIES_META_KEY];
}

/**
 * Creates a server for one caller. Agents and workflows are tools, files and runs are resources,
 * and prompts are prompts. Each request shows what the caller may use and see now. Nothing is
 * stored between requests.
 */
export function createMcpServer(options: ServerOptions): Server {
  const server = new Server(
    { name: 'howdah', title: 'Howdah', version: releaseVersion() },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        prompts: { listChanged: true },
        completions: {},
        logging: {},
      },
      instructions: INSTRUCTIONS,
    },
  );
  addTools(server, options);
  addResources(server, options);
  addPrompts(server, options);
  addSessionSettings(server, options);
  return server;
}

function addTools(server: Server, options: ServerOptions): void {
  const { caller } = options;
  const asking = (ctx: ServerContext): Asking => {
    const can = abilitiesOf(claimedIn(ctx) ?? server.getClientCapabilities());
    const isAble = can.forms || can.samples;
    return (isAble ? undefined : options.asking?.(ctx)) ?? { by: 'result', can };
  };
  const logLevel = async () => (await options.session?.logLevel()) ?? null;
  server.setRequestHandler('tools/list', ({ params }) =>
    withProtocolErrors(caller, () => listAgentTools(caller, params?.cursor)),
  );
  server.setRequestHandler('tools/call', ({ params }, ctx) => {
    const metadata = options.metadataOf?.(ctx) ?? {};
    return callTool({ ...options, asking: asking(ctx), metadata, logLevel }, params, ctx);
  });
}

function addResources(server: Server, { caller }: ServerOptions): void {
  server.setRequestHandler('resources/list', ({ params }) =>
    withProtocolErrors(caller, () => listResources(caller, params?.cursor)),
  );
  server.setRequestHandler('resources/templates/list', ({ params }) =>
    withProtocolErrors(caller, () => listTemplates(caller, params?.cursor)),
  );
  server.setRequestHandler('resources/read', ({ params }) =>
    withProtocolErrors(caller, () => readResource(caller, params.uri)),
  );
}

function addPrompts(server: Server, { caller }: ServerOptions): void {
  server.setRequestHandler('prompts/list', ({ params }) =>
    withProtocolErrors(caller, () => listMcpPrompts(caller, params?.cursor)),
  );
  server.setRequestHandler('prompts/get', ({ params }) =>
    withProtocolErrors(caller, () => fillPrompt(caller, params.name, params.arguments)),
  );
  server.setRequestHandler('completion/complete', ({ params }) =>
    withProtocolErrors(caller, () => completeArgument(caller, params)),
  );
}

/** Adds the log level and the subscriptions, which older revisions set by requests. */
function addSessionSettings(server: Server, { caller, session }: ServerOptions): void {
  const set = (work: (session: SessionSubscriptions) => Promise<void>) =>
    withProtocolErrors(caller, async () => {
      if (!session) throw noSession();
      await work(session);
      return {};
    });
  server.setRequestHandler('logging/setLevel', ({ params }) =>
    set((subscriptions) => subscriptions.setLogLevel(params.level)),
  );
  server.setRequestHandler('resources/subscribe', ({ params }) =>
    set((subscriptions) => subscriptions.subscribe(params.uri)),
  );
  server.setRequestHandler('resources/unsubscribe', ({ params }) =>
    set((subscriptions) => subscriptions.unsubscribe(params.uri)),
  );
}

function noSession(): HowdahError {
  return new HowdahError('HWINV', 'the log level and subscriptions need a session', {
    hint: 'Send the header Mcp-Session-Id of the response to initialize.',
  });
}
